import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { cli, failure, folder, launch, patient } from "./Program.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const said = (args: ReadonlyArray<string>) => Effect.flatMap(folder, (cwd) => cli(args, { cwd }))

describe("the program", patient, () => {
  it.live("shows all commands if none is given", () =>
    Effect.gen(function* () {
      const { code, stderr, stdout } = yield* said([])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      for (const command of ["migrate", "create-superuser", "openapi", "keys"]) assert.include(stdout, `  ${command} `)
    })
  )

  it.live("has a help for every command", () =>
    Effect.gen(function* () {
      const helps = {
        migrate: "DATABASE_URL",
        "create-superuser": "SUPERUSER_PASSWORD",
        openapi: "--file",
        "keys rotate": "JWT_KEYS_FILE",
        "after-restore": "one transaction",
        "import-django": "IMPORT_DATABASE_URL"
      }
      for (const [command, word] of Object.entries(helps)) {
        const { code, stderr, stdout } = yield* said([...command.split(" "), "--help"])
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.include(stdout, `cli ${command}`)
        assert.include(stdout, word)
      }
    })
  )

  it.live("reports a wrong call in one line on standard error, with nothing on standard output", () =>
    Effect.gen(function* () {
      const wrong = [
        [["migrat"], `Unknown subcommand "migrat" for "cli", did you mean migrate? (see cli --help)`],
        [["create-superuser"], "Missing required flag: --email (see cli create-superuser --help)"],
        [
          ["create-superuser", "--email", "ada"],
          `Invalid value for flag --email: "ada". Enter a valid email address. (see cli create-superuser --help)`
        ],
        [
          ["create-superuser", "--email", "ada@example.com", "--password", "secret"],
          "Unrecognized flag: --password in command cli create-superuser (see cli create-superuser --help)"
        ],
        // A terminal would interpret a control character.
        [["\u001b[2K\nok"], `Unknown subcommand " [2K ok" for "cli" (see cli --help)`]
      ] as const
      for (const [args, line] of wrong) {
        assert.deepStrictEqual(yield* said(args), { stdout: "", ...failure(line) })
      }
    })
  )

  it.live("runs by the script of the root, and prints the version of its package", () =>
    Effect.gen(function* () {
      const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
      const outcome = yield* launch(["npm", "run", "--silent", "cli", "--", "--version"], { cwd: root })
      assert.deepStrictEqual(outcome, { code: 0, stdout: `cli v${manifest.version}\n`, stderr: "" })
    })
  )
})
