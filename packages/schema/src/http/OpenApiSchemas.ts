import { Predicate } from "effect"

// Unknown fields are allowed, so `additionalProperties: false` would be wrong. The bounds are those of safe integers in
// JavaScript, not of the field.
const isRedundant = (key: string, value: unknown): boolean =>
  (key === "additionalProperties" && value === false) ||
  (key === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
  (key === "maximum" && value === Number.MAX_SAFE_INTEGER)

// Rewrites `{ type, allOf: [{ description }] }` to `{ type, description }`.
const lift = (node: { [key: string]: unknown }): void => {
  const [only, ...others]: ReadonlyArray<unknown> = Array.isArray(node["allOf"]) ? node["allOf"] : []
  if (!Predicate.isObject(only) || others.length > 0 || Object.keys(only).some((key) => key in node)) return
  delete node["allOf"]
  Object.assign(node, only)
}

/** Simplifies the JSON Schemas in a document, in place. */
export const simplify = (node: unknown): void => {
  if (Array.isArray(node)) {
    for (const item of node) simplify(item)
  } else if (Predicate.isObject(node)) {
    for (const [key, value] of Object.entries(node)) {
      if (isRedundant(key, value)) Reflect.deleteProperty(node, key)
      else simplify(value)
    }
    if ("type" in node || "anyOf" in node) lift(node)
  }
}
