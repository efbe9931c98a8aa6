import { assert, describe, it } from "@effect/vitest"
import { Role } from "../src/Role.ts"
import { type AccountAct, type AccountAuthority, refusalOf, serviceRefusalOf } from "../src/StaffRules.ts"
import { UserId } from "../src/User.ts"

const [a, b] = [
  UserId.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f01"),
  UserId.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f02")
]
const roles = [null, ...Role.literals]
const acts: ReadonlyArray<AccountAct> = [
  { kind: "change" },
  { kind: "disable" },
  { kind: "erase" },
  ...roles.map((role) => ({ kind: "set_role", role }) as const)
]
const account = (userId: UserId, role: Role | null, isActive = true): AccountAuthority => ({ userId, role, isActive })

const tagOf = (act: AccountAct, actor: AccountAuthority | null, target: AccountAuthority, otherAdministrators = 5) =>
  refusalOf(act, { actor, target, otherAdministrators })?._tag

describe("the rules for acts of staff", () => {
  it("support changes and disables users, and only admins erase them and set roles", () => {
    for (const act of acts) {
      const isForAdmins = act.kind === "erase" || act.kind === "set_role"
      assert.strictEqual(tagOf(act, account(a, null), account(b, null)), "RoleTooLow")
      assert.strictEqual(tagOf(act, account(a, "viewer"), account(b, null)), "RoleTooLow")
      assert.strictEqual(tagOf(act, account(a, "support"), account(b, null)), isForAdmins ? "RoleTooLow" : undefined)
      assert.strictEqual(tagOf(act, account(a, "admin"), account(b, null)), undefined)
    }
  })

  it("only admins act on users who hold a role, also on themselves", () => {
    for (const act of acts) {
      for (const role of Role.literals) {
        assert.strictEqual(tagOf(act, account(a, "support"), account(b, role)), "RoleTooLow")
        assert.strictEqual(tagOf(act, account(a, "admin"), account(b, role)), undefined)
      }
      assert.strictEqual(tagOf(act, account(a, "support"), account(a, "support")), "RoleTooLow")
    }
  })

  it("support handles dead letters, and only admins invite users and end all sessions", () => {
    for (const act of ["replay_dead_letter", "discard_dead_letter"] as const) {
      assert.strictEqual(serviceRefusalOf(act, account(a, "viewer"))?.required, "support")
      assert.isUndefined(serviceRefusalOf(act, account(a, "support")))
    }
    for (const act of ["invite", "end_all_sessions"] as const) {
      assert.strictEqual(serviceRefusalOf(act, account(a, "support"))?.required, "admin")
      assert.isUndefined(serviceRefusalOf(act, account(a, "admin")))
      assert.isDefined(serviceRefusalOf(act, account(a, "admin", false)))
    }
  })

  it("a disabled member of staff may do nothing", () => {
    for (const act of acts) assert.strictEqual(tagOf(act, account(a, "admin", false), account(b, null)), "RoleTooLow")
  })

  it("nobody changes their own role, disables or erases themself", () => {
    const admin = account(a, "admin")
    for (const act of acts) {
      assert.strictEqual(tagOf(act, admin, admin), act.kind === "change" ? undefined : "OwnAccountProtected")
    }
  })

  it("nobody takes the last admin away, an operator neither", () => {
    for (const act of acts) {
      const keeps = act.kind === "change" || (act.kind === "set_role" && act.role === "admin")
      assert.strictEqual(tagOf(act, null, account(b, "admin"), 0), keeps ? undefined : "LastAdministrator")
      assert.strictEqual(tagOf(act, null, account(b, "admin"), 1), undefined)
      // Who is no active admin is not the last one.
      assert.strictEqual(tagOf(act, null, account(b, "admin", false), 0), undefined)
      assert.strictEqual(tagOf(act, null, account(b, "support"), 0), undefined)
    }
  })
})
