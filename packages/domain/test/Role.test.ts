import { assert, it } from "@effect/vitest"
import { hasRole, Role } from "../src/Role.ts"

it("gives each role its own rights and those of the roles before it", () => {
  const rights = Role.literals.map((role) => Role.literals.filter((required) => hasRole(role, required)))
  assert.deepStrictEqual(rights, [["viewer"], ["viewer", "support"], ["viewer", "support", "admin"]])
})
