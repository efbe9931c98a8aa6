import { hashSync, verifySync } from "@node-rs/bcrypt"
import { parentPort, workerData } from "node:worker_threads"

// A thread of the bcrypt ceiling: verifies one password against one hash until the time is over, and posts the count.

const stored = hashSync("correct horse battery staple", { cost: 10 })
const end = performance.now() + workerData.seconds * 1000
let checks = 0
while (performance.now() < end) {
  verifySync("correct horse battery staple", stored)
  checks++
}
parentPort?.postMessage(checks)
