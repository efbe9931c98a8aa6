import { Predicate } from "effect"

// Fields that are not known are ignored here, and answers may gain some. The bounds are those of whole numbers in
// JavaScript and say nothing of the field.
const saysNothing = (key: string, value: unknown): boolean =>
  (key === "additionalProperties" && value === false) ||
  (key === "minimum" && value === Number.MIN_SAFE_INTEGER) ||
  (key === "maximum" && value === Number.MAX_SAFE_INTEGER)

// `{ type, allOf: [{ description }] }` is `{ type, description }`.
const lift = (node: { [key: string]: unknown }): void => {
  const [only, ...others]: ReadonlyArray<unknown> = Array.isArray(node["allOf"]) ? node["allOf"] : []
  if (!Predicate.isObject(only) || others.length > 0 || Object.keys(only).some((key) => key in node)) return
  delete node["allOf"]
  Object.assign(node, only)
}

/** Rewrites the JSON Schemas in a document, in place, as a person would have written them. */
export const simplify = (node: unknown): void => {
  if (Array.isArray(node)) {
    for (const item of node) simplify(item)
  } else if (Predicate.isObject(node)) {
    for (const [key, value] of Object.entries(node)) {
      if (saysNothing(key, value)) Reflect.deleteProperty(node, key)
      else simplify(value)
    }
    if ("type" in node || "anyOf" in node) lift(node)
  }
}
