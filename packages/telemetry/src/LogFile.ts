import { Effect, FiberSet, Predicate, Schema, type Scope, Semaphore } from "effect"
import { appendFileSync, closeSync, constants, openSync, statSync } from "node:fs"
import { type FileHandle, mkdir, open } from "node:fs/promises"
import { dirname } from "node:path"
import process from "node:process"

/** A log file. */
export interface LogFile {
  /** Appends a line without its line end. It is written within a second, or when the scope closes. */
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

/** Fails if the file cannot be opened for writing. Creates it and its folder if absent, private to their owner. */
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
  refuseUnreadPipe(path)
  return await open(path, "a", 0o600)
}

// Opening a named pipe without a reader would block a thread of libuv for good. A pipe with a reader is accepted: /dev/stdout is
// one in a container.
const refuseUnreadPipe = (path: string): void => {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) return
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    throw codeOf(error) === "ENXIO" ? new Error("it is a pipe that nobody reads") : error
  }
}

// Creates parents one by one. Node's recursive mkdir loops forever where the system reports a missing parent but does not allow
// creating it, as Linux does under /proc.
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
    // If a file has this name, opening the log file fails.
    if (codeOf(error) !== "EEXIST") throw error
  })

const codeOf = (error: unknown): unknown => (Predicate.hasProperty(error, "code") ? error.code : undefined)

const flushInterval = "1 second"
// Further lines are dropped and counted, so that a hanging disk does not fill the memory.
const maxBufferLength = 16 * 1024 * 1024

/**
 * Appends to the file at `path`, which is created with its folder if absent. Writes every second, when the scope closes, and when the
 * process exits. On SIGHUP it writes, closes and reopens the file, as logrotate expects. A failed write loses its lines and calls
 * `complain` once; the next write tries again.
 */
export const make = Effect.fnUntraced(function* (
  path: string,
  complain: (problem: string) => void
): Effect.fn.Return<LogFile, never, Scope.Scope> {
  let pending: Array<string> = []
  let size = 0
  let dropped = 0
  let handle: FileHandle | undefined
  // Whether the last write may have ended in the middle of a line.
  let isTorn = false
  let isFailing = false
  let isClosed = false

  const takePending = (): string => {
    const lines = dropped === 0 ? pending : [...pending, `{"level":"error","message":"dropped ${dropped} log lines"}`]
    const text = lines.length === 0 ? "" : `${isTorn ? "\n" : ""}${lines.join("\n")}\n`
    pending = []
    size = 0
    dropped = 0
    return text
  }

  const write = async () => {
    const text = takePending()
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

  const onFailure = (error: unknown) => {
    if (!isFailing) complain(`The log file ${path} cannot be written: ${String(error)}`)
    isFailing = true
  }

  // One operation at a time, so that a write that began before a reopen goes to the old file.
  const mutex = yield* Semaphore.make(1)
  const exclusively = (work: () => Promise<void>) => mutex.withPermit(Effect.promise(() => work().catch(onFailure)))
  const flush = exclusively(write)
  const reopen = exclusively(() => write().finally(close))

  const run = yield* FiberSet.makeRuntime()
  const onHangup = () => run(reopen)
  // Synchronous, because nothing asynchronous runs during exit.
  const onExit = () => {
    try {
      const text = takePending()
      if (text === "") return
      refuseUnreadPipe(path)
      appendFileSync(path, text, { mode: 0o600 })
    } catch (error) {
      onFailure(error)
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
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(flushInterval), flush)))

  return {
    append: (line) => {
      if (size + line.length > maxBufferLength) {
        dropped += 1
        return
      }
      pending.push(line)
      size += line.length
      if (isClosed) onExit()
    }
  }
})
