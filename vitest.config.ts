import { globSync, readFileSync } from "node:fs"
import { defineConfig, mergeConfig } from "vitest/config"
import shared from "./vitest.shared.ts"

const packages = globSync("{packages,apps}/*/package.json", { cwd: import.meta.dirname })

/** All packages in one run, with one report. A package alone runs with the shared settings, see its test script. */
export default defineConfig({
  test: {
    ...shared.test,
    // Several packages' tests share two cores with the engines and with what they start themselves.
    maxWorkers: 2,
    coverage: { include: ["packages/*/src/**", "apps/*/src/**"], exclude: ["**/src/testing/**"] },
    projects: packages.map((manifest) =>
      mergeConfig(shared, {
        root: manifest.replace("/package.json", ""),
        test: { name: JSON.parse(readFileSync(manifest, "utf8")).name }
      })
    )
  }
})
