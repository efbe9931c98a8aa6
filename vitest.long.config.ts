import { defineConfig } from "vitest/config"
import { projectsOf, withProjects } from "./vitest.config.ts"
import { longTests } from "./vitest.shared.ts"

/** The long tests that measure times of less than some seconds, or memory. */
const measuring = [
  "test/**/*Times.long.test.ts",
  "test/**/{Embedded,ExportMemory,Outage,Shutdown,ShutdownUnderLoad,Storage}.long.test.ts",
  "test/outages/*.long.test.ts",
  "test/races/{Erasures,Revocations}.long.test.ts"
]

const timeouts = { testTimeout: 300_000, hookTimeout: 300_000 }
const together = { ...timeouts, include: [longTests], exclude: measuring, maxWorkers: 2, sequence: { groupOrder: 0 } }
const alone = { ...timeouts, include: measuring, exclude: [], maxWorkers: 1, sequence: { groupOrder: 1 } }

/**
 * The long tests: they kill and freeze engines and programs, send thousands of requests, or measure times in seconds. Those that
 * measure run after the others and one file at a time, so that the load of one file does not affect the measurements of another.
 */
export default defineConfig(withProjects([...projectsOf(together), ...projectsOf(alone, undefined, " (alone)")]))
