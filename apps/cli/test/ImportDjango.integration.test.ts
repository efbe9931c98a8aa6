import { assert, describe, it } from "@effect/vitest"
import { djangoUserId } from "@user-service/database/testing/DjangoTables"
import { Effect } from "effect"
import { inject } from "vitest"
import { databases, hash, report } from "./DjangoImports.ts"
import { cli, failure, patient } from "./Program.ts"

const databaseUrl = inject("databaseUrl")

describe.skipIf(databaseUrl === "")("import-django on PostgreSQL", patient, () => {
  it.live("copies users with profile, preferences, push tokens, roles and the network of the last login", () =>
    Effect.gen(function* () {
      const { django, importDjango, sql } = yield* databases(databaseUrl, 3)
      yield* django`update users set is_staff = true where username in ('user2', 'user3')`
      yield* django`update users set is_superuser = true, last_login = null where username = 'user3'`
      yield* django`delete from user_profiles where user_id = ${djangoUserId(2)}`
      yield* django`delete from notification_preferences where user_id = ${djangoUserId(2)}`
      assert.deepStrictEqual(yield* importDjango, {
        code: 0,
        stdout: report({ read: 3, imported: 3, tokens: 6 }),
        stderr: ""
      })

      const users = yield* sql`
        select u.id, u.email, u.email_canonical as canonical, u.username, u.password_hash as hash, u.phone_number as phone,
          u.role, u.is_staff as staff, u.is_verified as verified, u.version::int as version,
          u.created_at < now() - interval '364 days' as joined, p.first_name as first, p.timezone, p.language,
          n.email_marketing as marketing, n.do_not_disturb_start::text as start, n.frequency_limit as "limit",
          (select count(*)::int from push_tokens t where t.user_id = u.id and t.is_active) as tokens,
          (select count(*)::int from known_networks k where k.user_id = u.id) as networks,
          (select action from audit_log a where a.user_id = u.id) as audit,
          (select changes from preference_history h where h.user_id = u.id and source = 'import' and version = 1) as changes
        from users u join profiles p on p.user_id = u.id join notification_preferences n on n.user_id = u.id order by u.id`
      const user = (n: number) => ({
        id: djangoUserId(n),
        email: `user${n}@example.com`,
        canonical: `user${n}@example.com`,
        username: `user${n}`,
        hash,
        phone: `+49 30 ${n}`,
        role: null,
        staff: false,
        verified: n % 2 === 0,
        version: 1,
        joined: true,
        first: `First ${n}`,
        timezone: "Europe/Berlin",
        language: "de",
        marketing: false,
        start: "22:00:00",
        limit: 20,
        tokens: 2,
        networks: 2,
        audit: "user.imported",
        changes: {
          emailMarketing: [true, false],
          doNotDisturbStart: [null, "22:00:00"],
          doNotDisturbEnd: [null, "07:30:00"],
          frequencyLimit: [50, 20]
        }
      })
      const defaults = {
        first: "",
        timezone: "UTC",
        language: "en",
        marketing: true,
        start: null,
        limit: 50,
        changes: null
      }
      assert.deepStrictEqual(users, [
        user(1),
        { ...user(2), ...defaults, role: "viewer", staff: true },
        { ...user(3), role: "admin", staff: true, networks: 0 }
      ])
      assert.deepStrictEqual(yield* sql`select 1 from outbox`, [])
    })
  )

  it.live("repeated, it leaves changed and erased users as they are and adds the missing ones", () =>
    Effect.gen(function* () {
      const { django, importDjango, sql } = yield* databases(databaseUrl, 3)
      yield* django`update users set phone_number = 'none of ours' where id = ${djangoUserId(3)}`
      const first = yield* importDjango
      assert.strictEqual(first.code, 1)
      yield* sql`update users set password_hash = 'changed here' where id = ${djangoUserId(1)}`
      yield* sql`delete from users where id = ${djangoUserId(2)}`
      yield* sql`insert into erasures (user_id, erased_at, finished_at) values (${djangoUserId(2)}, now(), now())`
      yield* django`update users set phone_number = '030 3' where id = ${djangoUserId(3)}`
      assert.deepStrictEqual(yield* importDjango, {
        code: 0,
        stdout: report({ read: 3, imported: 1, existing: 1, erased: 1, tokens: 2 }),
        stderr: ""
      })
      assert.deepStrictEqual(yield* sql`select id, password_hash as hash from users order by id`, [
        { id: djangoUserId(1), hash: "changed here" },
        { id: djangoUserId(3), hash }
      ])
    })
  )

  it.live("names each row that cannot be imported, without its values, and leaves its user out", () =>
    Effect.gen(function* () {
      const { django, importDjango, sql } = yield* databases(databaseUrl, 8)
      yield* django`update users set email = 'USER1@example.com' where username = 'user2'`
      yield* django`update users set username = 'USER1' where username = 'user3'`
      yield* django`update users set email = 'not an address' where username = 'user4'`
      yield* django`update user_profiles set timezone = 'Mars/Base' where user_id = ${djangoUserId(5)}`
      yield* django`update notification_preferences set frequency_limit = -1 where user_id = ${djangoUserId(6)}`
      yield* django`update notification_preferences set do_not_disturb_end = null where user_id = ${djangoUserId(7)}`
      yield* django`update push_tokens set token = 'with a space' where user_id = ${djangoUserId(8)} and device_id = 'device-1'`
      yield* django`update users set password = '!unusable' where username = 'user8'`
      const [badToken] = yield* django`select id from push_tokens where token = 'with a space'`
      const [profile] = yield* django`select id from user_profiles where user_id = ${djangoUserId(5)}`
      const preferences = yield* django`
        select id from notification_preferences where user_id in (${djangoUserId(6)}, ${djangoUserId(7)}) order by id`
      const { code, stderr, stdout } = yield* importDjango
      assert.deepStrictEqual(
        { code, stderr },
        failure(
          "7 rows were not imported, as listed: correct them in the Django service's database and repeat the import"
        )
      )
      assert.sameMembers(stdout.split("\n"), [
        `users ${djangoUserId(2)}: email: Another account has it.`,
        `users ${djangoUserId(3)}: username: Another account has it.`,
        `users ${djangoUserId(4)}: email: Enter a valid email address.`,
        `user_profiles ${profile?.["id"]}: timezone: Enter a valid IANA time zone.`,
        `notification_preferences ${preferences[0]?.["id"]}: frequency_limit: Ensure this value is between 0 and 10000.`,
        `notification_preferences ${preferences[1]?.["id"]}: do_not_disturb_end: Required when a start is set.`,
        `push_tokens ${badToken?.["id"]}: token: This is not a token of type fcm.`,
        ...report({ read: 8, imported: 2, tokens: 3, passwords: 1, bad: 7 }).split("\n")
      ])
      assert.deepStrictEqual(
        (yield* sql`select username from users order by username`).map(({ username }) => username),
        ["user1", "user8"]
      )
    })
  )

  it.live("keeps the account with the latest login of two with one mailbox", () =>
    Effect.gen(function* () {
      const { django, importDjango, sql } = yield* databases(databaseUrl, 2)
      yield* django`update users set email = 'zoe@bücher.example', last_login = now() - interval '1 year' where username = 'user1'`
      yield* django`update users set email = 'zoe@xn--bcher-kva.example' where username = 'user2'`
      assert.strictEqual((yield* importDjango).code, 1)
      assert.deepStrictEqual(yield* sql`select username from users`, [{ username: "user2" }])
    })
  )

  it.live("keeps as many push tokens as MAX_PUSH_TOKENS allows, the last used first", () =>
    Effect.gen(function* () {
      const { cwd, from, own, sql } = yield* databases(databaseUrl, 1)
      const { code, stdout } = yield* cli(["import-django", "--from", from], {
        cwd,
        env: { DATABASE_URL: own, MAX_PUSH_TOKENS: "1" }
      })
      assert.deepStrictEqual(
        { code, stdout },
        { code: 0, stdout: report({ read: 1, imported: 1, tokens: 1, surplus: 1 }) }
      )
      assert.deepStrictEqual(yield* sql`select device_id as device from push_tokens`, [{ device: "device-0" }])
    })
  )

  it.live("refuses a database without Django's tables, and a URL that is none, without its password", () =>
    Effect.gen(function* () {
      const { cwd, own } = yield* databases(databaseUrl, 0)
      const env = { DATABASE_URL: own }
      const other = yield* cli(["import-django", "--from", own], { cwd, env })
      assert.deepStrictEqual(other, {
        stdout: "",
        ...failure("The database to import is not that of the Django service: its table users has no column password")
      })
      const url = "mysql://u:topsecret@h/db"
      const byFlag = yield* cli(["import-django", "--from", url], { cwd, env: { ...env, IMPORT_DATABASE_URL: own } })
      const byVariable = yield* cli(["import-django"], { cwd, env: { ...env, IMPORT_DATABASE_URL: url } })
      const problem = "must be postgres://user:password@host:port/name"
      assert.deepStrictEqual(byFlag, { stdout: "", ...failure(`--from ${problem}`) })
      assert.deepStrictEqual(byVariable, { stdout: "", ...failure(`IMPORT_DATABASE_URL ${problem}`) })
      for (const absent of [{}, { IMPORT_DATABASE_URL: "" }]) {
        const without = yield* cli(["import-django"], { cwd, env: { ...env, ...absent } })
        assert.deepStrictEqual(without, {
          stdout: "",
          ...failure("Missing required flag: --from (see cli import-django --help)")
        })
      }
    })
  )
})
