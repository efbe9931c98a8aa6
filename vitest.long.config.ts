import { defineConfig } from "vitest/config"
import { allPackages } from "./vitest.config.ts"
import { longTests } from "./vitest.shared.ts"

/**
 * The long tests: they kill and freeze engines and programs, send thousands of requests, or hold the service to times in
 * seconds. One file at a time, so that what one does to the machine is not measured by another.
 */
export default defineConfig(
  allPackages({ include: [longTests], exclude: [], maxWorkers: 1, testTimeout: 300_000, hookTimeout: 300_000 })
)
