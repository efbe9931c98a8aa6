import { setPriority } from "node:os"
import process from "node:process"
import { parentPort } from "node:worker_threads"
import { type HashJob, perform } from "./PasswordHash.ts"

// A hashing thread: one job at a time, done synchronously, so that libuv's threads stay free for everything else. A job
// that throws ends the thread; the pool fails that job and starts another thread.

// Where all cores are busy, requests come before hashes: a login can wait some milliseconds more, a read would be ten times
// slower. On Linux the priority is this thread's own; elsewhere it would be the whole process's.
if (process.platform === "linux") setPriority(10)

parentPort?.on("message", (job: HashJob) => parentPort?.postMessage(perform(job)))
