import { defineConfig } from "vitest/config"
import { allPackages } from "./vitest.config.ts"
import { longTests } from "./vitest.shared.ts"

/**
 * The long tests: they kill and freeze engines and programs, send thousands of requests, or measure times in seconds. They run
 * one file at a time, so that the load of one file does not affect the measurements of another.
 */
export default defineConfig(
  allPackages({ include: [longTests], exclude: [], maxWorkers: 1, testTimeout: 300_000, hookTimeout: 300_000 })
)
