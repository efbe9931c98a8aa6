import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { Bench, temporaryFolder } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"
import * as Processes from "../Processes.ts"

const root = join(import.meta.dirname, "../../../..")

/** A folder with a `package.json` whose script does nothing. */
const emptyScript = Effect.tap(temporaryFolder, (folder) =>
  Effect.sync(() => writeFileSync(join(folder, "package.json"), JSON.stringify({ scripts: { nothing: "" } })))
)

const millisOf = (run: () => void): number => {
  const started = performance.now()
  run()
  return performance.now() - started
}

const npm = (
  folder: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
): number => {
  const { status } = spawnSync("npm", args, {
    cwd: folder,
    stdio: "ignore",
    env: { ...process.env, ...environment }
  })
  return status ?? -1
}

const expect = (status: number, expected: number, what: string): void => {
  if (status !== expected) throw new Error(`${what} ended with ${status}`)
}

// The time from `npm start` until the service is ready. It starts child processes, so the whole process group is ended.
const startMillis = (dataDir: string) =>
  Effect.promise(async () => {
    const port = await Processes.freePort()
    const started = performance.now()
    const child = spawn("npm", ["start"], {
      cwd: root,
      stdio: "ignore",
      detached: true,
      env: Processes.environmentOf({ DATA_DIR: dataDir, PORT: String(port) })
    })
    const exited = once(child, "exit")
    const isReady = await Processes.awaitReady(new URL(`http://127.0.0.1:${port}`), "/health/ready")
    const millis = performance.now() - started
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM")
    await exited
    if (!isReady) throw new Error("npm start was not ready in 30 seconds")
    return millis
  })

/** The times that a developer or an operator waits at a terminal, divided by those of an empty `npm run` script and `node -e 0`. */
export const commands = Effect.gen(function* () {
  const { rounds } = yield* Bench
  const empty = yield* emptyScript
  const dataDir = yield* temporaryFolder
  const nothing = Effect.sync(() =>
    millisOf(() => {
      expect(npm(empty, ["run", "nothing"]), 0, "npm run")
      expect(spawnSync(process.execPath, ["-e", "0"]).status ?? -1, 0, "node -e 0")
    })
  )
  const help = Effect.sync(() => millisOf(() => expect(npm(root, ["run", "cli", "--", "--help"]), 0, "cli --help")))
  const refusal = Effect.sync(() =>
    millisOf(() => expect(npm(root, ["start"], { PORT: "none" }), 1, "PORT=none npm start"))
  )
  return [
    {
      id: "commands",
      measure: "`npm run cli -- --help`, over an empty script and `node -e 0`",
      unit: "ms",
      goal: { must: 2, aim: 1.5, better: "lower" },
      ...(yield* compare(rounds, help, nothing))
    },
    {
      id: "commands",
      measure: "`npm start` with a wrong variable until it says so, over the same",
      unit: "ms",
      goal: { must: 3, aim: 2, better: "lower" },
      ...(yield* compare(rounds, refusal, nothing))
    },
    {
      id: "commands",
      measure: "`npm start` that is not the first until it is ready, over the same",
      unit: "ms",
      goal: { must: 6, aim: 4, better: "lower" },
      ...(yield* compare(rounds, startMillis(dataDir), nothing))
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)
