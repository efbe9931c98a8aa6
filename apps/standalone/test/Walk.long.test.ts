import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import process from "node:process"
import { chromium } from "playwright-core"
import * as Program from "./Program.ts"
import { commandsOf, openTerminal } from "./Readme.ts"

const executablePath = "/usr/bin/chromium"
const missingBrowser = existsSync(executablePath) ? "" : `: ${executablePath} is not installed`
if (missingBrowser !== "" && process.env["REQUIRE_SERVICES"] === "1")
  throw new Error(`REQUIRE_SERVICES=1, but${missingBrowser.slice(1)}`)
const root = join(import.meta.dirname, "../../..")

const freePort = Effect.promise(
  () =>
    new Promise<number>((resolve, reject) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const address = server.address()
        server.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(address)))
      })
    })
)

const browser = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] })),
  (opened) => Effect.promise(() => opened.close())
)

const startCommand = /^(SERVICE_API_KEYS=\S+) npm start$/m

describe.skipIf(missingBrowser !== "")(`the walk of the README${missingBrowser}`, () => {
  it.live(
    "works as written, and ends in the console with why Grace did not get the newsletter",
    () =>
      Effect.gen(function* () {
        const cwd = yield* Program.folder
        const port = yield* freePort
        const onPort = (text: string) => text.replaceAll(/(127\.0\.0\.1|localhost):8000/g, `$1:${port}`)
        const standalone = { script: join(root, "infra/run.mjs"), args: ["standalone"], cwd }
        const start = (environment: Program.Environment = {}) =>
          Program.start({ PORT: String(port), ...environment }, standalone)
        const terminal = yield* openTerminal(cwd)
        /** Runs a block of the README, in which no request may be refused and no command may fail. */
        const follow = (name: string) =>
          Effect.tap(terminal.run(onPort(commandsOf(name))), (output) =>
            Effect.sync(() => assert.notMatch(output, /"success":false|Error|not found|No such/, name))
          )

        const first = yield* start()
        assert.include(yield* follow("first-steps"), "Grace's id is ")
        yield* follow("password-reset")
        yield* first.stop

        const administration = commandsOf("admin")
        const [, setting = ""] = startCommand.exec(administration) ?? []
        const withKey = { SERVICE_API_KEYS: setting.slice("SERVICE_API_KEYS=".length) }
        const second = yield* start(withKey)
        assert.include(yield* follow("service-side"), '"decision":"allow"')
        yield* second.stop

        const created = yield* terminal.run(
          administration.replace(startCommand, "").replace("npm run cli --", `node ${join(root, "infra/run.mjs")} cli`)
        )
        assert.include(created, "ada@example.com")
        yield* start(withKey)
        const output = yield* follow("staff")
        assert.include(output, '"rule":"category_disabled"')
        const [recorded = "", why = ""] = output.match(/^http:\/\/localhost.*$/gm) ?? []

        const opened = yield* browser
        yield* Effect.promise(async () => {
          const page = await opened.newPage()
          await page.goto(recorded)
          await page.getByLabel("E-mail address").fill("ada@example.com")
          await page.getByLabel("Password").fill("four calm lynxes")
          await page.getByRole("button", { name: "Sign in" }).click()
          await page.getByText("Denied").waitFor()
          await page.getByText(/^The user switched off marketing e-mails on/).waitFor()
          await page.goto(why)
          await page.getByText("This marketing e-mail would not be sent.").waitFor()
          await page.getByRole("link", { name: "grace@example.com" }).click()
          await page.getByRole("link", { name: "Why not received" }).click()
          await page.getByText(/^This transactional e-mail would/).waitFor()
        })
      }),
    300_000
  )
})
