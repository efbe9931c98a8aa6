import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { globSync, lstatSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { builder, pathIn, type Stage } from "./ImageBuild.ts"
import { register } from "./Journey.ts"
import { layerListener, listen } from "./Listener.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const dockerfile = join(import.meta.dirname, "../../../infra/images/Dockerfile")

const maxSize = 120 * 1024 * 1024

const filesIn = (folder: string) =>
  globSync("**", { cwd: folder })
    .filter((path) => !lstatSync(join(folder, path)).isDirectory())
    .toSorted()
    .map((path) => {
      const { mode, size, uid } = lstatSync(join(folder, path))
      return { path, permissions: (mode & 0o7777).toString(8), size, uid }
    })

// All that is in the bundles of a stage: paths, permissions and contents.
const bundlesIn = ({ folder }: Stage) =>
  ["api", "worker", "cli"].map((app) => {
    const bundle = join(folder, "src/apps", app, "bundle")
    return filesIn(bundle).map(({ path, permissions }) => {
      const content = readFileSync(join(bundle, path))
      return `${app}/${path} ${permissions} ${createHash("sha256").update(content).digest("hex")}`
    })
  })

const idsOf = ({ user }: Stage) => {
  const [uid = Number.NaN, gid = Number.NaN] = user.split(":").map(Number)
  return { uid, gid }
}

/** The program of an image as an engine for containers runs it: by its user, in its working directory. */
const commandOf = (stage: Stage, args: ReadonlyArray<string> = stage.command): Program.Command => {
  const [program, script = ""] = stage.entrypoint
  assert.strictEqual(program, "node")
  return {
    node: join(stage.folder, "usr/local/bin/node"),
    script,
    args,
    cwd: join(stage.folder, stage.workdir),
    ...idsOf(stage)
  }
}

const checkHealth = (stage: Stage, env: Program.Environment) => {
  const [program = "", ...args] = stage.healthcheck
  const { status, stderr } = spawnSync(program, args, {
    cwd: join(stage.folder, stage.workdir),
    env: { PATH: pathIn(stage), ...stage.env, ...env },
    encoding: "utf8",
    ...idsOf(stage)
  })
  return { status, stderr }
}

const assertSmallAndFixed = ({ base, folder, ...stage }: Stage) => {
  const files = filesIn(folder).filter(({ path }) => !base.includes(path))
  assert.include(
    files.map(({ path }) => path),
    "app/sbom.cdx.json"
  )
  assert.isAtMost(
    files.reduce((sum, { size }) => sum + size, 0),
    maxSize
  )
  assert.deepStrictEqual(
    files.filter(({ permissions, uid }) => uid !== 0 || !/[0-7][0145]{2}$/.test(permissions)),
    [],
    "the user of the image could change these files"
  )
  const { gid, uid } = idsOf({ base, folder, ...stage })
  assert.isAbove(Math.min(uid, gid), 0)
}

describe.skipIf(!Engines.areAvailable || process.getuid?.() !== 0)(
  "the images, by the steps of their Dockerfile",
  () => {
    it.live(
      "hold the same bytes after each build, are small, and run as a user who cannot write to them",
      () =>
        Effect.gen(function* () {
          const builders = [yield* builder(dockerfile), yield* builder(dockerfile)] as const
          const [first, second] = yield* Effect.all(
            builders.map(({ build }) => Effect.map(build("build"), bundlesIn)),
            { concurrency: 2 }
          )
          assert.deepStrictEqual(second, first)
          const { build } = builders[0]
          const [api, worker, cli] = [yield* build("api"), yield* build("worker"), yield* build("cli")]
          for (const image of [api, worker, cli]) assertSmallAndFixed(image)

          // What a new volume takes over from the image.
          const volume = join(cli.folder, "var/lib/user-service")
          const { gid, mode, uid } = lstatSync(volume)
          assert.deepStrictEqual({ gid, uid, permissions: mode & 0o777 }, { ...idsOf(cli), permissions: 0o700 })
          const engines = yield* Engines.all
          const environment = {
            ...engines,
            ...api.env,
            JWT_KEYS_FILE: join(volume, "jwt-keys.json"),
            PUBLIC_URL: "https://users.example.com",
            SHUTDOWN_NOTICE_SECONDS: "0",
            MIGRATE_ON_START: "off"
          }
          for (const args of [["keys", "rotate"], ["migrate"]]) {
            const { code, stderr } = yield* Program.run(environment, commandOf(cli, args))
            assert.strictEqual(code, 0, stderr)
          }
          const { stdout } = yield* Program.run({}, commandOf(cli))
          assert.include(stdout, "create-superuser", "without arguments the commands are described")

          const listener = yield* Layer.build(layerListener(engines.RABBITMQ_URL))
          const events = yield* Effect.provide(listen(), listener)
          const running = [
            { image: api, program: yield* Program.start(environment, commandOf(api)), port: "PORT" },
            {
              image: worker,
              program: yield* Program.start({ ...environment, WORKER_PORT: "0" }, commandOf(worker)),
              port: "WORKER_PORT"
            }
          ].map((one) => ({ ...one, env: { [one.port]: new URL(one.program.url).port } }))
          for (const { env, image } of running) {
            assert.deepStrictEqual(checkHealth(image, env), { status: 0, stderr: "" })
          }

          const send = sender(`http://127.0.0.1:${running[0]?.env["PORT"]}`)
          const person = yield* register(send)
          yield* expectAnswer(send)(200, undefined, "GET", "/api/v1/users/profile/", { token: person.access })
          yield* waitUntil(
            "the worker publishes the registration",
            Effect.sync(() => events.some(({ body }) => body["email"] === person.email))
          )

          for (const { env, image, program } of running) {
            assert.strictEqual(image.stopSignal, "SIGTERM")
            const { code, stderr } = yield* program.stop
            assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
            const { status, stderr: reason } = checkHealth(image, env)
            assert.strictEqual(status, 1)
            assert.include(reason, "did not answer")
          }
        }),
      300_000
    )
  }
)
