// A worker of Pawl in JavaScript: claims tasks of the kind "thumbnail" through SQL, several at a time.
//
//     select pawl.define_kind('thumbnail', 'external');
//     create table thumbnails (image integer primary key, bytes integer not null);
//     select pawl.enqueue('thumbnail', '{"image": 17}');
//
//     npm ci && DATABASE_URL=postgresql:///app node worker.mjs
//
// What it shows: hearing of work, leases that are extended (with progress) while the work takes its time, an effect
// and the end of its task in one transaction, failures that are tried again and such that are not, tasks that are put
// off, and a graceful stop: SIGTERM ends it behind the tasks that it has. When the database goes away it ends with an
// error: whoever started it starts it again.
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const KIND = 'thumbnail';
const NAME = `${os.hostname()}:${process.pid}`;
const SLOTS = 4; // tasks at a time
const LEASE = `${process.env.LEASE_SECONDS ?? 60} seconds`;
const EXTEND_MS = (Number(process.env.LEASE_SECONDS ?? 60) * 1000) / 3;
const LOOK_MS = 30_000; // also without a message
const LOST = 'PW008'; // the task is not ours any more

const connectionString = process.env.DATABASE_URL;
const pool = new pg.Pool({ connectionString, max: SLOTS + 1 });
pool.on('error', (error) => console.error(error.message)); // an idle connection: the listener's tells
const running = new Set();
let isStopping = false;
let wake = () => {};

class NoSuchImage extends Error {} // to try again is of no use
class NotYet extends Error {} // the image is not there yet

// The work: what it returns is the effect. It may take long, and says how far it is.
async function makeThumbnail(payload, report) {
  if (payload.image < 0) throw new NoSuchImage(`there is no image ${payload.image}`);
  if (payload.image === 0) throw new NotYet();
  const steps = payload.steps ?? 1;
  for (let step = 0; step < steps; step++) {
    report((100 * step) / steps, `step ${step + 1} of ${steps}`);
    await sleep(((payload.seconds ?? 0) * 1000) / steps);
  }
  return payload.image * 100;
}

// Extends the lease until it is told to stop. finish_task has the last word on whose task it is.
function keepLease(token) {
  let progress = [null, null];
  const timer = setInterval(() => {
    pool.query('select pawl.extend_lease($1, $2, $3, $4, $5, $6)', [...token, LEASE, ...progress])
      .catch((error) => { console.error(error.message); clearInterval(timer); });
  }, EXTEND_MS);
  return { report: (...said) => { progress = said; }, stop: () => clearInterval(timer) };
}

async function finish(token, image, bytes) {
  const client = await pool.connect();
  try { // the effect and the end of the task: both, or neither
    await client.query('begin');
    await client.query('insert into thumbnails (image, bytes) values ($1, $2)', [image, bytes]);
    await client.query('select pawl.finish_task($1, $2, $3, $4)', [...token, { bytes }]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

async function fail(token, error) {
  if (error instanceof NotYet)
    await pool.query("select pawl.snooze_task($1, $2, $3, '10 seconds')", token);
  else if (error.code !== LOST)
    await pool.query('select pawl.fail_task($1, $2, $3, $4, p_is_final => $5)',
      [...token, error.message, error instanceof NoSuchImage]);
  else console.log(`task ${token[0]}/${token[1]} is not ours any more: ${error.message}`);
}

async function run({ job_id, task_id, attempt, payload }) {
  const token = [job_id, task_id, attempt];
  const lease = keepLease(token);
  try {
    await finish(token, payload.image, await makeThumbnail(payload, lease.report));
  } catch (error) { // when this fails too, the lease ends, and somebody runs the task again
    await fail(token, error).catch((again) => console.error(again.message));
  } finally {
    lease.stop();
  }
}

async function claim() {
  const { rows } = await pool.query('select * from pawl.claim_tasks($1, $2, $3, $4)',
    [KIND, NAME, SLOTS - running.size, LEASE]);
  for (const task of rows) {
    const one = run(task).finally(() => { running.delete(one); wake(); });
    running.add(one);
  }
  return rows.length;
}

const listener = new pg.Client({ connectionString });
await listener.connect();
listener.on('notification', ({ payload }) => { if (payload === KIND) wake(); });
await listener.query('listen pawl_tasks'); // before the first claim, so that nothing falls in between
for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => { isStopping = true; wake(); });
console.log(`${NAME} works`);

while (!isStopping) {
  const woken = new Promise((done) => { wake = done; }); // before the claim, for the same reason
  if (running.size < SLOTS && (await claim()) > 0) continue;
  const look = new AbortController();
  await Promise.race([woken, sleep(LOOK_MS, null, { signal: look.signal }).catch(() => {})]);
  look.abort();
}
await Promise.all(running);
await Promise.all([listener.end(), pool.end()]);
console.log(`${NAME} stops`);
