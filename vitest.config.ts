import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*"],
    globalSetup: [fileURLToPath(new URL("./vitest.engines.ts", import.meta.url))],
    // Tests of several packages at once share two cores with the engines and with what they start themselves.
    maxWorkers: 3
  }
})
