import { makeFolder, messageOf } from "@user-service/domain/Folders"
import { Effect, FileSystem, Option, Schema } from "effect"
import process from "node:process"

/** Another running process uses the folder. Two processes would destroy an embedded database. */
export class DataDirInUse extends Schema.TaggedError<DataDirInUse>()("DataDirInUse", {
  path: Schema.String,
  pid: Schema.Int
}) {
  override get message() {
    return `DATA_DIR ${this.path} is in use by process ${this.pid}`
  }
}

/** The folder cannot be created, read or written. */
export class DataDirUnusable extends Schema.TaggedError<DataDirUnusable>()("DataDirUnusable", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `DATA_DIR ${this.path} cannot be used: ${this.problem}`
  }
}

/**
 * Locks the folder for this process until the scope closes, and creates it with mode 0700 if it is absent. Locks of killed processes
 * are ignored. A process writes its lock file before it looks for others, so of several that start at the same moment at
 * most one gets the folder.
 */
export const lock = Effect.fnUntraced(
  function* (path: string) {
    const files = yield* FileSystem.FileSystem
    const own = lockFileOf(process.pid)
    const start = yield* startTimeOf(process.pid)
    yield* makeFolder(path)
    yield* keepPrivate(path)
    yield* Effect.acquireRelease(files.writeFileString(`${path}/${own}`, start, { mode: 0o600 }), () =>
      Effect.ignore(files.remove(`${path}/${own}`))
    )
    for (const name of yield* files.readDirectory(path)) {
      const pid = Number(lockFilePattern.exec(name)?.[1])
      if (Number.isNaN(pid) || name === own) continue
      if (isRunning(pid) && !(yield* isStale(pid, `${path}/${name}`))) return yield* new DataDirInUse({ path, pid })
      yield* files.remove(`${path}/${name}`, { force: true })
    }
  },
  (locked, path) =>
    Effect.catchTag(locked, "PlatformError", (error) =>
      Effect.fail(new DataDirUnusable({ path, problem: messageOf(error) }))
    )
)

// The files of this service and its earlier releases.
const ownPattern = /^(mail|pglite|pglite\.new|jwt-keys\.json|\.keys-.*|process-\d+\.pid)$/

// Earlier releases created the folder with the umask, so its mode is corrected. A folder that contains other files too, such as
// `/tmp`, is not the service's own: its mode stays. The service's files in it are private in any case.
const keepPrivate = Effect.fnUntraced(function* (path: string) {
  if (process.platform === "win32") return
  const files = yield* FileSystem.FileSystem
  const { mode, uid } = yield* files.stat(path)
  // With the sticky bit other users can add files but not change these.
  if ((mode & 0o077) === 0 || (mode & 0o1000) !== 0) return
  const isOwn = Option.isSome(uid) && uid.value === process.getuid?.()
  const hasOnlyOwnFiles = (yield* files.readDirectory(path)).every((name) => ownPattern.test(name))
  if (isOwn && hasOnlyOwnFiles) return yield* files.chmod(path, 0o700)
  if ((mode & 0o022) === 0) return
  const octal = `0${(mode & 0o777).toString(8)}`
  yield* Effect.logWarning(
    `DATA_DIR ${path} has mode ${octal}, so that others can replace what is in it: \`chmod 700 ${path}\` mends it`
  )
})

const lockFileOf = (pid: number): string => `process-${pid}.pid`

const lockFilePattern = /^process-([1-9]\d*)\.pid$/

// The start time of a process, which distinguishes it from earlier ones with the same pid. Empty without /proc (proc(5)).
const startTimeOf = Effect.fnUntraced(function* (pid: number) {
  const files = yield* FileSystem.FileSystem
  const read = (path: string) => Effect.orElseSucceed(files.readFileString(path), () => "")
  const [boot, stat] = [yield* read("/proc/sys/kernel/random/boot_id"), yield* read(`/proc/${pid}/stat`)]
  // Splits after the process name, which is in brackets and may contain anything. Field 22 of the line is the start time.
  const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  return ticks === undefined ? "" : `${boot.trim()} ${ticks}`
})

// Whether the lock file belongs to an earlier process with the same pid. False if a start time is unknown.
const isStale = Effect.fnUntraced(function* (pid: number, lockFile: string) {
  const files = yield* FileSystem.FileSystem
  const recorded = yield* Effect.orElseSucceed(files.readFileString(lockFile), () => "")
  const current = yield* startTimeOf(pid)
  return recorded !== "" && current !== "" && recorded !== current
})

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (cause) {
    // The process runs as another user.
    return cause instanceof Error && "code" in cause && cause.code === "EPERM"
  }
}
