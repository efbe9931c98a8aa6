import { setPriority } from "node:os"
import process from "node:process"
import { parentPort } from "node:worker_threads"
import { type EstimateJob, perform } from "./PasswordEstimate.ts"

// The thread that estimates passwords. Its dictionaries are loaded with it, so never on the event loop and not before the first
// new password.

// Where all cores are busy, requests come before estimates, as they come before hashes (hash-worker.ts).
if (process.platform === "linux") setPriority(10)

parentPort?.on("message", (job: EstimateJob) => parentPort?.postMessage(perform(job)))
