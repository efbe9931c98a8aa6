import { parentPort } from "node:worker_threads"
import { type HashJob, perform } from "./PasswordHash.ts"

// A hashing thread: one job at a time, done synchronously, so that libuv's threads stay free for everything else. A job
// that throws ends the thread; the pool fails that job and starts another thread.

parentPort?.on("message", (job: HashJob) => parentPort?.postMessage(perform(job)))
