import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { sender } from "./Http.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const logrotate = "/usr/sbin/logrotate"

const example = readFileSync(join(import.meta.dirname, "../../../infra/logrotate/user-service"), "utf8")

describe.skipIf(!existsSync(logrotate) || process.getuid?.() !== 0)("the example for logrotate", () => {
  it.live(
    "moves the log away, and the program continues in a new file without losing a line",
    () =>
      Effect.gen(function* () {
        const folder = yield* Program.folder
        const log = join(folder, "api.log")
        const program = yield* Program.start({ LOG_FILE: log })
        const send = sender(program.url)
        const logged = (path: string, id: string) =>
          Effect.sync(() => existsSync(path) && readFileSync(path, "utf8").includes(id))

        yield* send("GET", "/", { headers: { "x-request-id": "before" } })
        yield* waitUntil("the first request is logged", logged(log, "before"))

        // The test has no systemd, and no user of the service.
        const adapted = example
          .replace("/var/log/user-service/*.log", `${folder}/*.log`)
          .replace("su user-service user-service", "su root root")
          .replace("create 0640 user-service user-service", "create 0640 root root")
          .replace(/^ *for unit in .*$/m, `kill -HUP ${program.pid}`)
        const config = join(folder, "logrotate.conf")
        writeFileSync(config, adapted, { mode: 0o644 })
        const { status, stderr } = spawnSync(logrotate, ["--force", "--state", join(folder, "state"), config], {
          encoding: "utf8"
        })
        assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" })
        yield* send("GET", "/", { headers: { "x-request-id": "after" } })
        yield* waitUntil("the second request is logged in the new file", logged(log, "after"))
        assert.strictEqual(statSync(log).mode & 0o777, 0o640)
        const old = readFileSync(`${log}.1`, "utf8")
        assert.include(old, "before")
        assert.notInclude(old, "after")
        assert.strictEqual((yield* program.stop).code, 0)
      }),
    120_000
  )
})
