-- Triggers on users' tables get functions as this version makes them. Last of all, since they call the others.
do $$ begin perform pawl.refresh_triggers(), pawl.refresh_adoptions(), pawl.refresh_tracking(); end $$;
