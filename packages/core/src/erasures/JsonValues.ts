import { Option, Schema } from "effect"

/** A string or number in a JSON text. */
export interface JsonValue {
  /** The nearest key around it, in lower case and without separators. Empty if there is none. */
  readonly key: string
  readonly value: string
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const keyOf = (key: string): string => key.toLowerCase().replaceAll(/[_\s-]/g, "")

const looksLikeJson = /^\s*[[{]/

/**
 * The strings and numbers in a JSON text, also those in JSON texts inside it. None if it is not JSON. Without recursion, because the
 * text may be nested deeper than the stack.
 */
export const jsonValuesOf = (text: string): ReadonlyArray<JsonValue> => {
  const found: Array<JsonValue> = []
  const pending: Array<{ readonly key: string; readonly node: unknown }> = []
  const open = (key: string, json: string) => {
    if (looksLikeJson.test(json)) Option.map(parse(json), (node) => pending.push({ key, node }))
  }
  open("", text)
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { key, node } = next
    if (typeof node === "string" || typeof node === "number") {
      found.push({ key, value: String(node) })
      if (typeof node === "string") open(key, node)
    } else if (Array.isArray(node)) {
      for (const element of node) pending.push({ key, node: element })
    } else if (typeof node === "object" && node !== null) {
      for (const [name, member] of Object.entries(node)) pending.push({ key: keyOf(name), node: member })
    }
  }
  return found
}
