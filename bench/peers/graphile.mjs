// graphile-worker, with the settings its own documentation gives for its fastest figures
// (https://worker.graphile.org/docs/performance), doing what `pawl bench` does. One process, one
// JSON object on standard output. See ../README.md for why it is fair.
//
//   node graphile.mjs install|drain|enqueue|pickup --db URL [--tasks N] [--samples N]
//                     [--local-queue N] [--json]
//   node graphile.mjs post --db URL    sends requests for dispatch_tool --graphile, until SIGTERM

import http from "node:http";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

process.env.NO_LOG_SUCCESS = "1"; // a line of log for every job would cost it a third of its rate
const { Logger, makeWorkerUtils, run, runMigrations } = await import("graphile-worker");
const { default: pg } = await import("pg");

const BATCH = 1000;
const WARM_UP = 50; // samples that are not counted: they meet code that is not compiled yet
const PAUSE_MS = 5; // between two samples, so that each finds the worker idle
const silent = new Logger(() => () => {});
const errors = new Logger(() => (level, message) => {
  if (level === "error") console.error(message);
});

// Everything as documented; --local-queue is there to try another size (the README has figures).
let localQueueSize = 500;

function preset(db) {
  return {
    worker: {
      connectionString: db,
      concurrentJobs: 24,
      maxPoolSize: 25,
      localQueue: { size: localQueueSize },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
      logger: errors,
    },
  };
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function withClient(db, use) {
  const client = new pg.Client({ connectionString: db });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function enqueueAll(db, tasks) {
  const utils = await makeWorkerUtils({ preset: preset(db), logger: silent });
  const started = nowMs();
  for (let first = 0; first < tasks; first += BATCH) {
    const jobs = [];
    for (let id = first; id < Math.min(first + BATCH, tasks); id++)
      jobs.push({ identifier: "noop", payload: { id } });
    await utils.addJobs(jobs);
  }
  const seconds = (nowMs() - started) / 1000;
  await utils.release();
  return tasks / seconds;
}

async function measureEnqueue({ db, tasks }) {
  return { tasks, tasks_per_second: await enqueueAll(db, tasks) };
}

async function walPosition(client) {
  const { rows } = await client.query("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as at");
  return Number(rows[0].at);
}

// Completions are sent in batches after the handlers returned, so the clock stops when the queue's
// table is empty and not when the last handler has run.
async function waitUntilEmpty(client) {
  for (;;) {
    const { rows } = await client.query(
      "select exists (select from graphile_worker._private_jobs) as is_busy",
    );
    if (!rows[0].is_busy) return;
    await sleep(2);
  }
}

async function measureDrain({ db, tasks }) {
  await enqueueAll(db, tasks);
  return withClient(db, async (client) => {
    await client.query("vacuum analyze graphile_worker._private_jobs");
    const wal = await walPosition(client);
    const cpu = cpuUs();
    let started = 0;
    let handled = 0;
    let allHandled;
    const handling = new Promise((resolve) => (allHandled = resolve));
    const noop = async () => {
      if (handled === 0) started = nowMs(); // its start-up and its first fetch are not counted
      if (++handled === tasks) allHandled();
    };
    const runner = await run({ preset: preset(db), taskList: { noop }, noHandleSignals: true });
    await handling;
    await waitUntilEmpty(client);
    const seconds = (nowMs() - started) / 1000;
    const used = cpuUs() - cpu;
    const written = (await walPosition(client)) - wal;
    await runner.stop();
    return {
      tasks,
      tasks_per_second: tasks / seconds,
      wal_bytes_per_task: written / tasks,
      client_cpu_us_per_task: used / tasks,
    };
  });
}

function percentile(sorted, fraction) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(fraction * sorted.length) - 1)];
}

// The producer has a thread of its own, so that the worker's event loop serves the worker alone;
// the monotonic clock is one for both.
async function produce({ db }) {
  const utils = await makeWorkerUtils({ preset: preset(db), logger: silent });
  await new Promise((resolve) => {
    parentPort.on("message", async (message) => {
      if (message === "end") return resolve();
      await utils.addJob("touch", { id: message });
      parentPort.postMessage(nowMs());
    });
    parentPort.postMessage("ready");
  });
  await utils.release();
  parentPort.close();
}

async function measurePickup({ db, samples }) {
  let onStart;
  const touch = async () => onStart(nowMs());
  const runner = await run({ preset: preset(db), taskList: { touch }, noHandleSignals: true });
  const producer = new Worker(new URL(import.meta.url), { workerData: { db } });
  let onCommit;
  producer.on("message", (value) => onCommit(value));
  producer.on("error", (error) => {
    console.error(error);
    process.exit(1);
  });
  await new Promise((resolve) => (onCommit = resolve));
  const latencies = [];
  await withClient(db, async (client) => {
    for (let sample = 0; sample < samples + WARM_UP; sample++) {
      const began = new Promise((resolve) => (onStart = resolve));
      const committed = new Promise((resolve) => (onCommit = resolve));
      producer.postMessage(sample);
      const [commit, start] = await Promise.all([committed, began]);
      if (sample >= WARM_UP) latencies.push(start - commit);
      await waitUntilEmpty(client); // the worker is idle again when it has recorded the outcome
      await sleep(PAUSE_MS);
    }
  });
  producer.postMessage("end");
  await runner.stop();
  latencies.sort((a, b) => a - b);
  return { samples, p50_ms: percentile(latencies, 0.5), p99_ms: percentile(latencies, 0.99) };
}

// What a handler would do: one request over a connection that is kept, failed when the answer is no 2xx.
const agent = new http.Agent({ keepAlive: true });

function send(url, key, body) {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "idempotency-key": key,
    };
    const request = http.request(url, { method: "POST", agent, headers }, (response) => {
      const isFine = response.statusCode >= 200 && response.statusCode < 300;
      response.resume();
      response.on("error", reject);
      response.on("end", () => (isFine ? resolve() : reject(new Error(response.statusCode))));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function post({ db }) {
  const task = ({ url, ...payload }, { job }) => send(url, job.id, JSON.stringify(payload));
  const runner = await run({ preset: preset(db), taskList: { post: task }, noHandleSignals: true });
  console.log("ready");
  await new Promise((resolve) => process.once("SIGTERM", resolve));
  await runner.stop();
  process.exit(0); // its kept connections would hold it
}

async function install({ db }) {
  await runMigrations({ preset: preset(db) });
  return { installed: true };
}

const figures = {
  install,
  post,
  drain: measureDrain,
  enqueue: measureEnqueue,
  pickup: measurePickup,
};

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      db: { type: "string" },
      tasks: { type: "string", default: "200000" },
      samples: { type: "string", default: "500" },
      "local-queue": { type: "string", default: "500" },
      json: { type: "boolean" },
    },
  });
  const measure = figures[positionals[0]];
  if (!measure || !values.db) {
    console.error("usage: graphile.mjs install|drain|enqueue|pickup|post --db URL [--tasks N]");
    process.exit(2);
  }
  const { db } = values;
  localQueueSize = +values["local-queue"];
  const result = await measure({ db, tasks: +values.tasks, samples: +values.samples });
  console.log(JSON.stringify(result));
}

await (isMainThread ? main() : produce(workerData));
