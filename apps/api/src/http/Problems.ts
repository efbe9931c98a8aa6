import type { Problems } from "@user-service/schema/Envelope"
import { Predicate, SchemaIssue } from "effect"

// What is wrong, in words for a person. The input itself is never repeated: it may be a password.
const describe = (issue: SchemaIssue.Leaf): string => {
  const own = ownMessage(issue)
  if (own !== undefined) return own
  switch (issue._tag) {
    case "MissingKey":
      return "This field is required."
    case "InvalidType":
      return expectation(issue.ast)
    default:
      return "Enter a valid value."
  }
}

const ownMessage = (issue: SchemaIssue.Leaf): string | undefined => {
  const message =
    issue._tag === "MissingKey"
      ? issue.annotations?.messageMissingKey
      : "annotations" in issue
        ? issue.annotations?.["message"]
        : issue._tag === "InvalidType"
          ? issue.ast.annotations?.["message"]
          : undefined
  return Predicate.isString(message) ? message : undefined
}

const expectation = (ast: SchemaIssue.InvalidType["ast"]): string => {
  switch (ast._tag) {
    case "String":
      return "Must be a string."
    case "Boolean":
      return "Must be a valid boolean."
    case "Number":
      return "A valid number is required."
    case "Arrays":
      return "Must be a list."
    case "Objects":
      return "Must be an object."
    default:
      return "Enter a valid value."
  }
}

const format = SchemaIssue.makeFormatterStandardSchemaV1({ leafHook: describe })

type Tree = { [field: string]: Array<string> | Tree }

const insert = (tree: Tree, path: ReadonlyArray<string>, message: string): void => {
  const [key = "error", ...rest] = path
  const at = tree[key]
  if (rest.length > 0) {
    const below = at === undefined || Array.isArray(at) ? {} : at
    tree[key] = below
    insert(below, rest, message)
    return
  }
  if (at === undefined) tree[key] = [message]
  else if (!Array.isArray(at)) insert(at, [], message)
  else if (!at.includes(message)) at.push(message)
}

/** Every problem of an input under its field, in the shape of the input; what belongs to no field under `error`. */
export const problemsOf = (issue: SchemaIssue.Issue): Problems => {
  const tree: Tree = {}
  for (const { message, path } of format(issue).issues) {
    const keys = (path ?? []).map((entry) => String(Predicate.isObject(entry) && "key" in entry ? entry.key : entry))
    insert(tree, keys, message)
  }
  return tree
}

/** Both together. A field that has problems in both keeps those of `first`. */
export const merge = (first: Problems, second: Problems): Problems => ({ ...second, ...first })
