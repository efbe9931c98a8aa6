import { assert, describe, it } from "@effect/vitest"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { Roles } from "@user-service/core/staff/Roles"
import { StaffErasures } from "@user-service/core/staff/StaffErasures"
import type { Role } from "@user-service/domain/Role"
import { UserId } from "@user-service/domain/User"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { layer, register, tagOf } from "../TestCore.ts"
import { as, auditOf, registerStaff } from "./Staff.ts"

const set = (userId: UserId, role: Role | null) => Roles.use((roles) => roles.set(userId, role))
const disable = (userId: UserId) => AccountStates.use((states) => states.disable(userId))
const erase = (userId: UserId) => StaffErasures.use((erasures) => erasures.erase(userId))

const roleOf = Effect.fnUntraced(function* (userId: UserId) {
  const sql = yield* SqlClient.SqlClient
  const [user] = yield* sql`select role, is_staff as "isStaff" from users where id = ${userId}`
  return user
})

/** Leaves the given users as the only administrators. */
const onlyAdministrators = Effect.fnUntraced(function* (...userIds: ReadonlyArray<UserId>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`update users set role = 'support' where role = 'admin' and id <> all(${userIds}::uuid[])`
})

describe("Roles", () => {
  it.layer(layer())((it) => {
    it.effect("an admin gives a role and takes it away, and the audit log has both sides", () =>
      Effect.gen(function* () {
        const admin = yield* registerStaff("admin")
        const { userId } = yield* register
        assert.isNull(yield* as(admin)(set(userId, "admin")))
        assert.deepStrictEqual(yield* roleOf(userId), { role: "admin", isStaff: true })
        assert.strictEqual(yield* as(admin, "Left the team")(set(userId, null)), "admin")
        assert.deepStrictEqual(yield* roleOf(userId), { role: null, isStaff: false })
        // The same again is no change.
        assert.isNull(yield* as(admin)(set(userId, null)))
        assert.deepStrictEqual(
          (yield* auditOf(userId, "user.role_changed")).map(({ actor, details }) => [actor, details]),
          [
            [admin.userId, { before: { role: null }, after: { role: "admin" }, reason: "Ticket 4711" }],
            [admin.userId, { before: { role: "admin" }, after: { role: null }, reason: "Left the team" }]
          ]
        )
      })
    )

    it.effect("nobody changes their own role, and only admins change roles", () =>
      Effect.gen(function* () {
        const [admin, support] = [yield* registerStaff("admin"), yield* registerStaff("support")]
        const { userId } = yield* register
        assert.strictEqual(yield* tagOf(as(admin)(set(admin.userId, "support"))), "OwnAccountProtected")
        assert.strictEqual(yield* tagOf(as(support)(set(support.userId, "admin"))), "RoleTooLow")
        assert.strictEqual(yield* tagOf(as(support)(set(userId, "viewer"))), "RoleTooLow")
        assert.strictEqual(yield* tagOf(as(admin)(set(UserId.make(randomUUID()), "viewer"))), "UserNotFound")
      })
    )

    it.effect("a member of staff who lost the role meanwhile is refused in the transaction", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* registerStaff("admin"), yield* registerStaff("admin")]
        const { userId } = yield* register
        yield* as(first)(set(second.userId, null))
        assert.strictEqual(yield* tagOf(as(second)(set(userId, "viewer"))), "RoleTooLow")
      })
    )

    it.effect("the last active admin keeps the role, the account and its use, also against an operator", () =>
      Effect.gen(function* () {
        const [admin, disabled] = [yield* registerStaff("admin"), yield* registerStaff("admin")]
        yield* onlyAdministrators(admin.userId, disabled.userId)
        yield* as(admin)(disable(disabled.userId))
        for (const role of ["support", null] as const) {
          assert.strictEqual(yield* tagOf(set(admin.userId, role)), "LastAdministrator")
        }
        assert.strictEqual(yield* tagOf(disable(admin.userId)), "LastAdministrator")
        assert.strictEqual(yield* tagOf(erase(admin.userId)), "LastAdministrator")
        assert.deepStrictEqual((yield* roleOf(admin.userId))?.["role"], "admin")
        // A disabled one is not the last.
        yield* set(disabled.userId, null)
      })
    )

    it.effect("admins erase others, also admins, and nobody erases themself", () =>
      Effect.gen(function* () {
        const [admin, other, support] = [
          yield* registerStaff("admin"),
          yield* registerStaff("admin"),
          yield* registerStaff("support")
        ]
        const { userId } = yield* register
        assert.strictEqual(yield* tagOf(as(support)(erase(userId))), "RoleTooLow")
        assert.strictEqual(yield* tagOf(as(admin)(erase(admin.userId))), "OwnAccountProtected")
        yield* as(admin)(erase(userId))
        yield* as(admin)(erase(other.userId))
        assert.isUndefined(yield* roleOf(userId))
        assert.isUndefined(yield* roleOf(other.userId))
        assert.strictEqual(yield* tagOf(as(admin)(erase(userId))), "UserNotFound")
      })
    )
  })
})
