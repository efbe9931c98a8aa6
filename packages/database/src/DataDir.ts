import { makeFolder, wordsOf } from "@user-service/domain/Folders"
import { Effect, FileSystem, Option, Schema } from "effect"
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
 * Holds the folder, which is made for its owner only where it is absent, for this process until the scope closes. What one that was killed
 * left behind does not count. Each process says so in a file under its own name before it looks for others: of several
 * that start at the same moment one may get the folder, or none, but never two.
 */
export const hold = Effect.fnUntraced(
  function* (path: string) {
    const files = yield* FileSystem.FileSystem
    const own = claimOf(process.pid)
    const start = yield* startOf(process.pid)
    yield* makeFolder(path)
    yield* keepPrivate(path)
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

// What this service and its earlier releases made in the folder.
const ownPattern = /^(pglite|pglite\.new|jwt-keys\.json|\.keys-.*|process-\d+\.pid)$/

// Earlier releases made it with the umask. A folder that holds other things too was somebody else's first, as `/tmp` is: its mode is
// theirs to choose. What is made in it is its owner's only all the same.
const keepPrivate = Effect.fnUntraced(function* (path: string) {
  if (process.platform === "win32") return
  const files = yield* FileSystem.FileSystem
  const { mode, uid } = yield* files.stat(path)
  // Where the sticky bit is set, others can add files and not touch these.
  if ((mode & 0o077) === 0 || (mode & 0o1000) !== 0) return
  const isOwn = Option.isSome(uid) && uid.value === process.getuid?.()
  const holdsOurs = (yield* files.readDirectory(path)).every((name) => ownPattern.test(name))
  if (isOwn && holdsOurs) return yield* files.chmod(path, 0o700)
  if ((mode & 0o022) === 0) return
  const octal = `0${(mode & 0o777).toString(8)}`
  yield* Effect.logWarning(
    `DATA_DIR ${path} has mode ${octal}, so that others can replace what is in it: \`chmod 700 ${path}\` mends it`
  )
})

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
