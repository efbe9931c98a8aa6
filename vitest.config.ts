import { globSync, readFileSync } from "node:fs"
import { defineConfig, type ViteUserConfig } from "vitest/config"
import shared from "./vitest.shared.ts"

const manifests = globSync("{packages,apps}/*/package.json", { cwd: import.meta.dirname })

/** All packages in one run, with one report. A package alone runs with the shared settings, see its test script. */
export const allPackages = (tests: Partial<NonNullable<ViteUserConfig["test"]>>): ViteUserConfig => ({
  test: {
    ...shared.test,
    // Several packages' tests share two cores with the engines and with what they start themselves.
    maxWorkers: 2,
    ...tests,
    coverage: { include: ["packages/*/src/**", "apps/*/src/**"], exclude: ["**/src/testing/**"] },
    projects: manifests.map((manifest) => ({
      ...shared,
      root: manifest.replace("/package.json", ""),
      test: { ...shared.test, ...tests, name: JSON.parse(readFileSync(manifest, "utf8")).name }
    }))
  }
})

export default defineConfig(allPackages({}))
