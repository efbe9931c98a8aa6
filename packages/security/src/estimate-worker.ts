import { setPriority } from "node:os"
import process from "node:process"
import { parentPort, workerData } from "node:worker_threads"
import { type EstimateJob, perform } from "./PasswordEstimate.ts"
import type { WorkerOptions } from "./WorkerPool.ts"

// The thread that estimates passwords. It loads the dictionaries, so that neither the start nor the event loop does.

// A lower priority than requests, as in hash-worker.ts.
const { niceness }: WorkerOptions = workerData
if (process.platform === "linux") setPriority(niceness)

parentPort?.on("message", (job: EstimateJob) => parentPort?.postMessage(perform(job)))
