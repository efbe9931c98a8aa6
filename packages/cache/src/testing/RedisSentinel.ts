import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort, type TlsFiles, tlsOf } from "./RedisServer.ts"

interface Options {
  /** The URL of the Redis that it watches, under the name "users". */
  readonly master: string
  /** Its own password. */
  readonly password?: string
  /** If set, it accepts only TLS, and uses TLS for the Redis too. */
  readonly tls?: TlsFiles
}

/** Starts a sentinel that decides alone and after 300 ms, and returns its address, `host:port`. Ends with the scope. */
export const make = Effect.fnUntraced(function* ({ master, password, tls }: Options) {
  const port = yield* freePort
  const watched = new URL(master)
  const directory = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "sentinel-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const file = join(directory, "sentinel.conf")
  const lines = [
    ...(tls === undefined ? [`port ${port}`] : ["port 0", `tls-port ${port}`, "tls-replication yes", ...tlsLines(tls)]),
    "bind 127.0.0.1",
    `dir ${directory}`,
    "sentinel resolve-hostnames yes",
    "sentinel announce-hostnames yes",
    `sentinel monitor users ${watched.hostname} ${watched.port} 1`,
    "sentinel down-after-milliseconds users 300",
    ...(watched.password === "" ? [] : [`sentinel auth-pass users ${watched.password}`]),
    ...(password === undefined ? [] : [`requirepass ${password}`])
  ]
  yield* Effect.promise(() => writeFile(file, `${lines.join("\n")}\n`))
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn("redis-server", [file, "--sentinel"], { stdio: ["ignore", "pipe", "inherit"] })
      for await (const line of child.stdout) if (String(line).includes("+monitor master users")) break
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        const gone = once(child, "exit")
        if (child.kill("SIGKILL")) await gone
      })
  )
  return `${watched.hostname}:${port}`
})

// The settings of the command line as lines of a file.
const tlsLines = (tls: TlsFiles): ReadonlyArray<string> => {
  const settings = tlsOf(tls).filter((_, index) => index < 8)
  return settings.flatMap((name, index) => (index % 2 === 0 ? [`${name.slice(2)} ${settings[index + 1]}`] : []))
}
