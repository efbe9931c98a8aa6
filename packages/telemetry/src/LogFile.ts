import { Effect, FiberSet, Predicate, Schema, type Scope, Semaphore } from "effect"
import { appendFileSync, closeSync, constants, openSync, statSync } from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { dirname } from "node:path"
import process from "node:process"

/** A file that lines are appended to. */
export interface LogFile {
  /** Takes a line without its end. It is in the file a second later, or once the scope has closed. */
  readonly append: (line: string) => void
}

/** The file cannot be opened for writing. */
export class LogFileUnusable extends Schema.TaggedError<LogFileUnusable>()("LogFileUnusable", {
  path: Schema.String,
  problem: Schema.String
}) {
  override get message() {
    return `LOG_FILE ${this.path} cannot be written: ${this.problem}`
  }
}

/** Fails where the file cannot be opened; makes it, and its folder, where absent, for its owner only. */
export const check = (path: string): Effect.Effect<void, LogFileUnusable> =>
  Effect.tryPromise({
    try: async () => {
      const handle = await openFile(path)
      await handle.close()
    },
    catch: (cause) =>
      new LogFileUnusable({ path, problem: Predicate.isError(cause) ? cause.message : "unknown failure" })
  })

const openFile = async (path: string): Promise<FileHandle> => {
  await makeFolder(dirname(path))
  refuseUnread(path)
  return await open(path, "a", 0o600)
}

// Opening a pipe waits until somebody reads it, in a thread that no signal ends. A pipe that is read is taken: it is what
// /dev/stdout is in a container.
const refuseUnread = (path: string): void => {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) return
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    throw codeOf(error) === "ENXIO" ? new Error("it is a pipe that nobody reads") : error
  }
}

// Parents one after the other: Node's recursive mkdir never ends where the system says that a parent is missing and yet does
// not let it be made, as Linux does under /proc.
const makeFolder = async (path: string): Promise<void> => {
  try {
    await mkdirUnlessThere(path)
  } catch (error) {
    const parent = dirname(path)
    if (codeOf(error) !== "ENOENT" || parent === path) throw error
    await makeFolder(parent)
    await mkdirUnlessThere(path)
  }
}

const mkdirUnlessThere = (path: string): Promise<void> =>
  mkdir(path, 0o700).catch((error: unknown) => {
    // Where a file is there, it is the opening that fails.
    if (codeOf(error) !== "EEXIST") throw error
  })

const codeOf = (error: unknown): unknown => (Predicate.hasProperty(error, "code") ? error.code : undefined)

const longestWait = "1 second"
// A disk that hangs must not fill the memory: past this, lines are counted and dropped.
const largestBuffer = 16 * 1024 * 1024

/**
 * Appends to the file at `path`, made with its folder where absent. Written at most each second, when the scope closes and
 * when the process exits. A SIGHUP closes the file, what came before it written, and opens the path anew, as logrotate
 * expects. A full disk or a path out of reach costs the lines and one complaint, never the process: each write tries again.
 */
export const make = Effect.fnUntraced(function* (
  path: string,
  complain: (problem: string) => void
): Effect.fn.Return<LogFile, never, Scope.Scope> {
  let pending: Array<string> = []
  let size = 0
  let dropped = 0
  let handle: FileHandle | undefined
  // The last write may have stopped in the middle of a line.
  let isTorn = false
  let isFailing = false
  let isClosed = false

  const take = (): string => {
    const lines = dropped === 0 ? pending : [...pending, `{"level":"error","message":"dropped ${dropped} log lines"}`]
    const text = lines.length === 0 ? "" : `${isTorn ? "\n" : ""}${lines.join("\n")}\n`
    pending = []
    size = 0
    dropped = 0
    return text
  }

  const write = async () => {
    const text = take()
    if (text === "") return
    handle ??= await openFile(path)
    isTorn = true
    await handle.appendFile(text)
    isTorn = false
    isFailing = false
  }

  const close = async () => {
    const closing = handle
    handle = undefined
    await closing?.close()
  }

  const failed = (error: unknown) => {
    if (!isFailing) complain(`The log file ${path} cannot be written: ${String(error)}`)
    isFailing = true
  }

  // One at a time: a write begun before a reopening ends in the old file.
  const turn = yield* Semaphore.make(1)
  const inTurn = (work: () => Promise<void>) => turn.withPermit(Effect.promise(() => work().catch(failed)))
  const flush = inTurn(write)
  const reopen = inTurn(() => write().finally(close))

  const run = yield* FiberSet.makeRuntime()
  const onHangup = () => run(reopen)
  // Nothing asynchronous runs any more.
  const onExit = () => {
    try {
      const text = take()
      if (text === "") return
      refuseUnread(path)
      appendFileSync(path, text, { mode: 0o600 })
    } catch (error) {
      failed(error)
    }
  }

  yield* Effect.acquireRelease(
    Effect.sync(() => {
      process.on("SIGHUP", onHangup)
      process.on("exit", onExit)
    }),
    () =>
      Effect.andThen(
        reopen,
        Effect.sync(() => {
          isClosed = true
          process.off("SIGHUP", onHangup)
          process.off("exit", onExit)
        })
      )
  )
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(longestWait), flush)))

  return {
    append: (line) => {
      if (size + line.length > largestBuffer) {
        dropped += 1
        return
      }
      pending.push(line)
      size += line.length
      if (isClosed) onExit()
    }
  }
})
