import { assert, describe, it } from "@effect/vitest"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { globSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import * as Program from "./Program.ts"

const root = join(import.meta.dirname, "../../..")

const files = globSync(["{apps,packages}/*/test/**/*.ts", "packages/*/src/testing/**/*.ts"], { cwd: root }).map(
  (path) => ({ path, text: readFileSync(join(root, path), "utf8") })
)

const script = readFileSync(join(root, ".ci/run"), "utf8")

const matching = (pattern: RegExp, isExcepted: (text: string) => boolean = () => false) =>
  files.flatMap(({ path, text }) =>
    isExcepted(text) ? [] : Array.from(text.matchAll(pattern), ([found]) => `${path}: ${found}`)
  )

describe("tests that run twice at the same time on one machine", () => {
  it("do not see the sessions of each other's databases", () => {
    const queries = matching(/`[^`]*\bfrom pg_stat_activity\b[^`]*`/g, (text) => text.includes("PostgresServer.make("))
    assert.isAtLeast(queries.length, 5)
    assert.deepStrictEqual(
      queries.filter((query) => !query.includes("datname = current_database()")),
      []
    )
  })

  it("do not listen on the same port", () => {
    assert.deepStrictEqual(matching(/\.(?:listen|bind)\([1-9]\d*\b/g), [])
  })

  it("do not end each other's programs", () => {
    assert.deepStrictEqual(matching(/["'](?:pkill|killall)\b/g), [])
  })

  it.live("claim the ports of their servers until they end, so that no other test chooses them", () =>
    Effect.gen(function* () {
      const isClaimed = (port: number) =>
        Effect.promise(async () => {
          const socket = createSocket("udp4").bind(port, "127.0.0.1")
          const isBound = await once(socket, "listening").then(
            () => true,
            () => false
          )
          await once(socket.close(), "close")
          return !isBound
        })
      const portOfRedis = Effect.map(RedisServer.make(), ({ url }) => Number(new URL(url).port))
      for (const claim of [freePort, portOfRedis]) {
        const port = yield* Effect.scoped(
          Effect.tap(claim, (port) => Effect.map(isClaimed(port), (claimed) => assert.isTrue(claimed)))
        )
        assert.isFalse(yield* isClaimed(port))
      }
    })
  )
})

describe(".ci/run", () => {
  it.live("installs in one run at a time, whatever the folder for temporary files of each", () =>
    Effect.gen(function* () {
      const folder = yield* Program.folder
      const [lock] = /^ci_lock=(\S+)/m.exec(script) ?? []
      const [exclusively = ""] = /^exclusively\(\) \{[^]*?^\}/m.exec(script) ?? []
      // A run on this machine may hold the real lock.
      const commands = `set -euo pipefail
        ci_lock=${join(folder, "lock")}
        ${exclusively}
        exclusively bash -c 'echo "begin $1" >>"$2"; sleep 0.1; echo "end $1" >>"$2"' - "$1" "$2"`
      const order = join(folder, "order")
      const names = ["a", "b", "c", "d"]
      yield* Effect.promise(() =>
        Promise.all(
          names.map((name) => {
            const TMPDIR = join(folder, name)
            mkdirSync(TMPDIR)
            return promisify(execFile)("bash", ["-c", commands, "-", name, order], {
              env: { PATH: process.env["PATH"], TMPDIR }
            })
          })
        )
      )
      const lines = readFileSync(order, "utf8").trim().split("\n")
      assert.deepStrictEqual(
        lines,
        lines.filter((_, index) => index % 2 === 0).flatMap((line) => [line, line.replace("begin", "end")])
      )
      assert.lengthOf(lines, 2 * names.length)
      assert.strictEqual(lock, "ci_lock=/tmp/user-service-ci.lock")
    })
  )
})
