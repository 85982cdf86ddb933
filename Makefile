# The front door. Meson does the work; these targets install what is missing first.
.PHONY: all deps build demo check bench bench-peers install clean

# nginx and PgBouncer live where an ordinary user's PATH does not look.
export PATH := $(PATH):/usr/sbin:/sbin

all: build

deps:
	@scripts/deps

build/build.ninja: | deps
	@meson setup build >build.log 2>&1 || { cat build.log; rm -f build.log; exit 1; }
	@mv build.log build/setup.log

build: deps build/build.ninja
	@meson compile -C build

# A real crawl of real pages, with a live bar; DEMO_EXIT=1 stops everything at the end.
demo: build
	@scripts/demo

# Every suite; says at the end what passed.
check: build
	@tests/run

# The figures of the README, in one run.
bench: build
	@bench/run

bench-peers: build
	@bench/peers/install
	@bench/run --peers

# PREFIX (default /usr/local) as meson has it; DESTDIR is honoured.
install: build
	@meson install -C build

clean:
	@rm -rf build
