import { makeFolder, wordsOf } from "@user-service/domain/Folders"
import { Effect, FileSystem, Schema } from "effect"
import process from "node:process"

/** The folder belongs to a process that still runs: two on one embedded database would destroy it. */
export class DataDirInUse extends Schema.TaggedError<DataDirInUse>()("DataDirInUse", {
  path: Schema.String,
  pid: Schema.Int
}) {
  override get message() {
    return `DATA_DIR ${this.path} is in use by process ${this.pid}`
  }
}

/** Nothing can be kept there. */
export class DataDirUnusable extends Schema.TaggedError<DataDirUnusable>()("DataDirUnusable", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `DATA_DIR ${this.path} cannot be used: ${this.problem}`
  }
}

/**
 * Holds the folder, which is made where it is absent, for this process until the scope closes. What one that was killed
 * left behind does not count. Each process says so in a file under its own name before it looks for others: of several
 * that start at the same moment one may get the folder, or none, but never two.
 */
export const hold = Effect.fnUntraced(
  function* (path: string) {
    const files = yield* FileSystem.FileSystem
    const own = claimOf(process.pid)
    const start = yield* startOf(process.pid)
    yield* makeFolder(path)
    yield* Effect.acquireRelease(files.writeFileString(`${path}/${own}`, start, { mode: 0o600 }), () =>
      Effect.ignore(files.remove(`${path}/${own}`))
    )
    for (const name of yield* files.readDirectory(path)) {
      const pid = Number(claimPattern.exec(name)?.[1])
      if (Number.isNaN(pid) || name === own) continue
      if (isRunning(pid) && !(yield* isAnother(pid, `${path}/${name}`))) return yield* new DataDirInUse({ path, pid })
      yield* files.remove(`${path}/${name}`, { force: true })
    }
  },
  (holding, path) =>
    Effect.catchTag(holding, "PlatformError", (error) =>
      Effect.fail(new DataDirUnusable({ path, problem: wordsOf(error) }))
    )
)

const claimOf = (pid: number): string => `process-${pid}.pid`

const claimPattern = /^process-([1-9]\d*)\.pid$/

// When the process began, which tells it from those that had its number before; empty where the system does not say (proc(5)).
const startOf = Effect.fnUntraced(function* (pid: number) {
  const files = yield* FileSystem.FileSystem
  const read = (path: string) => Effect.orElseSucceed(files.readFileString(path), () => "")
  const [boot, stat] = [yield* read("/proc/sys/kernel/random/boot_id"), yield* read(`/proc/${pid}/stat`)]
  // The fields after the name, which is in brackets and may hold anything; the 22nd of all is the start.
  const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  return ticks === undefined ? "" : `${boot.trim()} ${ticks}`
})

// Whether the claim is not of the process that has its number now. One of which no start is known is believed.
const isAnother = Effect.fnUntraced(function* (pid: number, claim: string) {
  const files = yield* FileSystem.FileSystem
  const claimed = yield* Effect.orElseSucceed(files.readFileString(claim), () => "")
  const started = yield* startOf(pid)
  return claimed !== "" && started !== "" && claimed !== started
})

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    // It runs, as somebody else.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM"
  }
}
