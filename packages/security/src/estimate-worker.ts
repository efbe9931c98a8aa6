import { setPriority } from "node:os"
import process from "node:process"
import { parentPort } from "node:worker_threads"
import { type EstimateJob, perform } from "./PasswordEstimate.ts"

// The thread that estimates passwords. It loads the dictionaries, so that neither the start nor the event loop does.

// A lower priority than requests, as in hash-worker.ts.
if (process.platform === "linux") setPriority(10)

parentPort?.on("message", (job: EstimateJob) => parentPort?.postMessage(perform(job)))
