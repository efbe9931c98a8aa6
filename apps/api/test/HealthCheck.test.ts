import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { join } from "node:path"
import process from "node:process"

// Answers 200 for one path and 503 for others.
const serve = (path: string, host: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer((request, response) => response.writeHead(request.url === path ? 200 : 503).end())
      await once(server.listen(0, host), "listening")
      const address = server.address()
      return { server, port: String(address !== null && typeof address === "object" ? address.port : 0) }
    }),
    ({ server }) => Effect.sync(() => server.close())
  )

const check = (app: "api" | "worker", env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number; readonly stderr: string }>((resume) => {
    const script = join(import.meta.dirname, "../..", app, "src/health-check.ts")
    const child = execFile(
      process.execPath,
      ["--conditions=@user-service/source", script, ...args],
      { env, encoding: "utf8" },
      (_error, _stdout, stderr) => resume(Effect.succeed({ code: child.exitCode ?? -1, stderr }))
    )
  })

const healthy = { code: 0, stderr: "" }

describe("the health check of the images", () => {
  it.live("asks for the health of the program at the address of its settings", () =>
    Effect.gen(function* () {
      const { port } = yield* serve("/health/live", "127.0.0.1")
      assert.deepStrictEqual(yield* check("api", { PORT: port }), healthy)
      assert.deepStrictEqual(yield* check("api", { PORT: ` ${port}\n`, HOST: "0.0.0.0" }), healthy)
      assert.deepStrictEqual(yield* check("api", { PORT: port, HOST: "localhost" }), healthy)
      assert.deepStrictEqual(yield* check("worker", { WORKER_PORT: port, PORT: "1" }), healthy)
    })
  )

  it.live("finds a program that listens on all IPv6 addresses, or on one", () =>
    Effect.gen(function* () {
      const { port } = yield* serve("/health/live", "::1")
      for (const HOST of ["::", "::1", "[::1]"]) {
        assert.deepStrictEqual(yield* check("api", { PORT: port, HOST }), healthy, HOST)
      }
    })
  )

  it.live("fails with the reason if the program answers a failure or does not answer", () =>
    Effect.gen(function* () {
      const { port, server } = yield* serve("/health/ready", "127.0.0.1")
      const live = yield* check("api", { PORT: port })
      assert.deepStrictEqual(live, { code: 1, stderr: `http://127.0.0.1:${port}/health/live answered 503\n` })
      assert.deepStrictEqual(yield* check("api", { PORT: port }, "/health/ready"), healthy)
      server.close()
      const { code, stderr } = yield* check("api", { PORT: port })
      assert.strictEqual(code, 1)
      assert.match(stderr, /did not answer: .*ECONNREFUSED/)
    })
  )
})
