import { read as readApi } from "@user-service/api/ApiSettings"
import { read as readWorker } from "@user-service/worker/WorkerSettings"
import { ConfigProvider, Effect } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"

type Environment = Readonly<Record<string, string>>

const example = readFileSync(join(import.meta.dirname, "../../../.env.example"), "utf8")

/** The variables that the programs read: those of .env.example, and the options of Node itself. */
export const names: ReadonlySet<string> = new Set([
  "NODE_OPTIONS",
  ...Array.from(example.matchAll(/^#?([A-Z][A-Z0-9_]*)=/gm), ([, name = ""]) => name)
])

const under = (environment: Environment) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...environment } }))

/** The settings of the API in this environment. Fails with all their problems. */
export const apiSettings = (environment: Environment) => under(environment)(readApi)

/** The settings of the worker in this environment. Fails with all their problems. */
export const workerSettings = (environment: Environment) => under(environment)(readWorker)
