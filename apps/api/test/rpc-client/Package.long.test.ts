import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import { promisify } from "node:util"
import { inject } from "vitest"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"
import * as TestApi from "../TestApi.ts"

const root = join(import.meta.dirname, "../../../..")

const packed = ["domain", "schema", "rpc-client"]

// Somebody else's program, in plain sight of nothing but what was installed.
const program = `
import { NotificationId, TokenVerifier, UserId, UserServiceClient } from "@user-service/rpc-client"
import { layerTest, TestUsers } from "@user-service/rpc-client/testing"
import { Config, Effect, Layer, Redacted, Schema } from "effect"

const settings = Config.all({ url: Config.NonEmptyString("URL"), apiKey: Config.Redacted("KEY") })
const Users = Layer.unwrap(Effect.map(settings, UserServiceClient.layerHttp))
const Tokens = Layer.unwrap(Effect.map(settings, TokenVerifier.layerJwksUntilExpiry))

const main = Effect.gen(function* () {
  const { getUser, resolveDelivery } = yield* UserServiceClient
  const { verify } = yield* TokenVerifier
  const token = yield* Config.Redacted("TOKEN")
  const { userId } = yield* verify(token)
  const user = yield* getUser(userId)
  const resolved = yield* resolveDelivery({
    notification_id: NotificationId.make("packed"), user_id: userId, channel: "email", category: "system"
  })
  const stranger = yield* Schema.decodeUnknownEffect(UserId)("00000000-0000-7000-8000-000000000000")
  const failure = yield* Effect.flip(getUser(stranger))
  return { email: user.email, decision: resolved.decision, to: resolved.email, failure: failure._tag }
}).pipe(Effect.provide([Users, Tokens]))

const inMemory = Effect.gen(function* () {
  const { getUser } = yield* UserServiceClient
  const { userId } = yield* TestUsers.use(({ add }) => add({ email: "added@example.com" }))
  return (yield* getUser(userId)).email
}).pipe(Effect.provide(layerTest))

console.log(JSON.stringify({ ...(await Effect.runPromise(main)), inMemory: await Effect.runPromise(inMemory) }))
`

const run = async (
  folder: string,
  command: string,
  args: ReadonlyArray<string>,
  environment: Record<string, string> = {}
): Promise<string> => {
  const { NODE_OPTIONS: _, ...inherited } = process.env
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd: folder, env: { ...inherited, ...environment } })
    return stdout
  } catch (cause) {
    const { stderr = "", stdout = "" } = cause as { readonly stderr?: string; readonly stdout?: string }
    throw new Error(`${command} ${args.join(" ")} failed\n${stdout}\n${stderr}`, { cause })
  }
}

const pnpm = (folder: string, ...args: ReadonlyArray<string>) =>
  run(folder, "npx", ["--yes", "--prefer-offline", "pnpm@12.21.0", ...args])

// `changeset publish` has pnpm pack them; `prepack` builds them.
const pack = async (folder: string) => {
  for (const name of packed) await pnpm(join(root, "packages", name), "pack", "--pack-destination", folder)
}

const tar = async (folder: string, ...args: ReadonlyArray<string>) => (await run(folder, "tar", args)).trim()

/** `npm pack` knows neither workspaces nor `publishConfig.exports`; its tarball must work all the same. */
const checkPackedByNpm = async (folder: string) => {
  for (const name of packed) {
    const source = join(root, "packages", name)
    const [{ filename, files }] = JSON.parse(
      await run(source, "npm", ["pack", "--ignore-scripts", "--json", "--dry-run"])
    )
    const byPnpm = await tar(folder, "-tzf", filename)
    assert.sameMembers(
      files.map(({ path }: { readonly path: string }) => `package/${path}`),
      byPnpm.split("\n")
    )
    const { dependencies, engines, repository, sideEffects } = JSON.parse(
      readFileSync(join(source, "package.json"), "utf8")
    )
    assert.notMatch(JSON.stringify(dependencies ?? {}), /workspace:|catalog:|link:|file:/)
    assert.strictEqual(repository.directory, `packages/${name}`)
    assert.isDefined(engines.node)
    assert.isFalse(sideEffects)
  }
}

const write = (folder: string, file: string, content: string | object) =>
  writeFileSync(join(folder, file), typeof content === "string" ? content : JSON.stringify(content, null, 2))

// The tarballs, each also where another of them asks for it by its version.
const manifest = (folder: string, effect: string) => {
  const tarballs = packed.map((name): [string, string] => [
    `@user-service/${name}`,
    `file:${globSync(join(folder, `user-service-${name}-*.tgz`)).join()}`
  ])
  write(folder, "package.json", {
    name: "somebody-elses",
    private: true,
    type: "module",
    dependencies: { effect, ...Object.fromEntries(tarballs) }
  })
  const lines = [
    "packages: []",
    "nodeLinker: hoisted",
    "overrides:",
    ...tarballs.map(([name, from]) => `  "${name}": "${from}"`)
  ]
  write(folder, "pnpm-workspace.yaml", lines.join("\n"))
}

const install = async (folder: string) => {
  const { version } = JSON.parse(readFileSync(join(root, "packages/domain/node_modules/effect/package.json"), "utf8"))
  manifest(folder, version)
  await pnpm(folder, "install", "--prefer-offline", "--no-frozen-lockfile").catch(async (reason: unknown) => {
    process.stderr.write(`effect is linked from the workspace, as it could not be had: ${String(reason)}\n`)
    manifest(folder, `link:${join(root, "packages/domain/node_modules/effect")}`)
    await pnpm(folder, "install", "--offline", "--no-frozen-lockfile")
  })
}

// What the source maps of a package lead to.
const mapped = (installed: string, files: ReadonlyArray<string>): ReadonlyArray<string> =>
  files
    .filter((file) => file.endsWith(".map"))
    .flatMap((file) =>
      JSON.parse(readFileSync(join(installed, file), "utf8")).sources.map((source: string) =>
        posix.join(posix.dirname(file), source)
      )
    )

const compilerOptions = {
  target: "es2024",
  lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"],
  module: "nodenext",
  strict: true,
  exactOptionalPropertyTypes: true,
  types: [],
  outDir: "out",
  rootDir: "."
}

const empty = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "user-service-package-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const databaseUrl = inject("databaseUrl")
const redisUrl = inject("redisUrl")

it.layer(
  Layer.suspend(() => TestApi.layerReal(databaseUrl, redisUrl, withGateway)),
  { excludeTestServices: true, timeout: "2 minutes" }
)("the package", (it) => {
  it.effect.skipIf(databaseUrl === "" || redisUrl === "")(
    "installs from its tarballs outside the workspace, has its types, works, and brings no server with it",
    () =>
      Effect.gen(function* () {
        const folder = yield* empty
        yield* Effect.promise(() => pack(folder))
        yield* Effect.promise(() => checkPackedByNpm(folder))
        yield* Effect.promise(() => install(folder))

        const names = globSync(["*", "@*/*"], { cwd: join(folder, "node_modules") })
          .map((name) => name.replaceAll("\\", "/"))
          .filter((name) => !/^(\.|@[^/]*$)/.test(name))
        assert.sameMembers(
          names.filter((name) => name.startsWith("@user-service/")),
          packed.map((name) => `@user-service/${name}`)
        )
        assert.notMatch(names.join(" "), /\b(pg|ioredis|amqplib|jose|bcrypt|pglite|sql-pg|platform-node|vitest)\b/)

        for (const name of packed) {
          const installed = join(folder, "node_modules/@user-service", name)
          const files = globSync(["**/*.*", "LICENSE"], { cwd: installed })
          assert.include(files, "package.json")
          assert.deepStrictEqual(
            files.filter(
              (file) => !/^(dist\/.*\.(js|d\.ts)(\.map)?|(src|examples)\/.*\.ts|\w+\.(json|md)|LICENSE)$/.test(file)
            ),
            []
          )
          assert.includeMembers(files, ["README.md", "LICENSE", ...mapped(installed, files)])
          const text = readFileSync(join(installed, "package.json"), "utf8")
          assert.notMatch(text, /workspace:|catalog:|user-service\/source|"private"/)
          assert.property(JSON.parse(text).peerDependencies, "effect")
        }

        write(folder, "main.ts", program.replace("console.log", "globalThis.console.log"))
        write(folder, "tsconfig.json", { compilerOptions, files: ["main.ts"] })
        yield* Effect.promise(() => run(folder, join(root, "node_modules/.bin/tsc"), ["-p", "."]))

        const { person, url } = yield* TestApi.TestApi
        const { access, email } = yield* person()
        const printed = yield* Effect.promise(() =>
          run(folder, process.execPath, ["out/main.js"], { URL: url, KEY: gatewayKey, TOKEN: access })
        )
        assert.deepStrictEqual(JSON.parse(printed), {
          email,
          decision: "allow",
          to: email,
          failure: "UserNotFound",
          inMemory: "added@example.com"
        })
      }).pipe(Effect.scoped),
    600_000
  )
})
