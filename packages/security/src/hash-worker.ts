import { setPriority } from "node:os"
import process from "node:process"
import { parentPort, workerData } from "node:worker_threads"
import { type HashJob, perform } from "./PasswordHash.ts"
import type { WorkerOptions } from "./WorkerPool.ts"

// A hashing thread. It runs one job at a time, synchronously, so that libuv's threads stay free. A job that throws ends the thread;
// the pool fails the job and starts a new thread.

// A lower priority than requests: a login can wait some milliseconds, but reads would be ten times slower on a busy machine. Only
// Linux sets the priority per thread; elsewhere it would apply to the whole process.
const { niceness }: WorkerOptions = workerData
if (process.platform === "linux") setPriority(niceness)

parentPort?.on("message", (job: HashJob) => parentPort?.postMessage(perform(job)))
