import { assert, describe, it } from "@effect/vitest"
import * as Postgres from "@user-service/database/Postgres"
import { djangoUserId, makeDjangoTables } from "@user-service/database/testing/DjangoTables"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect } from "effect"
import { pbkdf2Sync } from "node:crypto"
import { inject } from "vitest"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { goodPassword, login } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const users = 4000

// As Django stores a password.
const djangoHash = (password: string, iterations: number): string => {
  const salt = "f2Jq0sVtXn1LrW8bYk3dZe"
  const key = pbkdf2Sync(password, salt, iterations, 32, "sha256").toString("base64")
  return `pbkdf2_sha256$${iterations}$${salt}$${key}`
}

// Without deadlines, since a busy server takes long to create tables.
const sqlOf = (url: string) => Postgres.connectTo(TestDatabase.settingsOf(url, 2).address)

describe.skipIf(!Engines.areAvailable)("an import of the Django service's users that is killed with SIGKILL", () => {
  it.live(
    "has left no part of a user, is completed by the next one, changes no user who has logged in, and brings back no erased one",
    () =>
      Effect.gen(function* () {
        const engines = yield* Engines.all
        const environment = { ...engines, BCRYPT_COST: "10", DATA_DIR: yield* Program.folder }
        const from = yield* TestDatabase.freshDatabase(inject("databaseUrl"))
        yield* makeDjangoTables(yield* sqlOf(from), users, djangoHash(goodPassword, 1000))
        const sql = yield* sqlOf(engines.DATABASE_URL)
        const service = yield* Program.start(environment, "api")
        const send = sender(service.url)
        const count = Effect.map(
          sql<{ count: number }>`select count(*)::int as count from users`,
          ([row]) => row?.count
        )
        // Users without a profile, preferences, both push tokens or the entry in the audit log.
        const incomplete = sql`
          select u.id from users u
          where not exists (select from profiles p where p.user_id = u.id)
            or not exists (select from notification_preferences n where n.user_id = u.id)
            or not exists (select from audit_log a where a.user_id = u.id and a.action = 'user.imported')
            or (select count(*) from push_tokens t where t.user_id = u.id) <> 2`

        const importDjango = Program.cli("import-django", "--from", from)
        const killed = yield* Program.launch(environment, importDjango)
        yield* waitUntil(
          "Users are imported",
          Effect.map(count, (found) => (found ?? 0) > 0)
        )
        assert.strictEqual((yield* killed.kill).signal, "SIGKILL")
        const before = (yield* count) ?? 0
        assert.isBelow(before, users)
        assert.deepStrictEqual(yield* incomplete, [])

        // The first user of the import, whose login was the latest.
        const id = djangoUserId(1)
        const { access } = yield* login(send, { email: "user1@example.com", password: goodPassword })
        yield* expectAnswer(send)(200, undefined, "PATCH", "/api/v1/users/preferences/", {
          token: access,
          body: { email_security: false }
        })
        const ofUser = sql`
          select u.password_hash as hash, n.version::int as version, n.email_security as security
          from users u join notification_preferences n on n.user_id = u.id where u.id = ${id}`
        const changed = yield* ofUser
        assert.match(String(changed[0]?.["hash"]), /^bcrypt_sha256\$/)
        assert.deepInclude(changed[0], { security: false, version: 2 })

        const { code, stdout } = yield* Program.run(environment, importDjango)
        assert.strictEqual(code, 0)
        assert.include(stdout, `here already, unchanged:  ${before}\n`)
        assert.strictEqual(yield* count, users)
        assert.deepStrictEqual(yield* incomplete, [])
        assert.deepStrictEqual(yield* ofUser, changed)

        yield* expectAnswer(send)(204, undefined, "DELETE", "/api/v1/users/profile/", {
          token: access,
          body: { password: goodPassword }
        })
        const afterErasure = yield* Program.run(environment, importDjango)
        assert.include(afterErasure.stdout, "  erased here, left out:    1\n")
        assert.deepStrictEqual(yield* ofUser, [])
      }).pipe(Effect.scoped),
    600_000
  )
})
