import type { Problems } from "@user-service/schema/Envelope"
import { Predicate, SchemaAST, type SchemaIssue } from "effect"

// In words for a person. The input itself is never repeated: it may be a password.
const describe = (issue: SchemaIssue.Leaf | SchemaIssue.AnyOf): string => {
  switch (issue._tag) {
    case "MissingKey":
      return "This field is required."
    case "InvalidType":
    case "AnyOf":
      return expectation(issue.ast)
    default:
      return "Enter a valid value."
  }
}

// The message that the schema itself has for the issue.
const ownMessage = (issue: SchemaIssue.Issue): string | undefined => {
  const message =
    issue._tag === "MissingKey"
      ? issue.annotations?.messageMissingKey
      : issue._tag === "Filter"
        ? (issue.filter.annotations?.["message"] ?? ownMessage(issue.issue))
        : "annotations" in issue
          ? issue.annotations?.["message"]
          : issue._tag === "InvalidType" || issue._tag === "AnyOf"
            ? issue.ast.annotations?.["message"]
            : undefined
  return Predicate.isString(message) ? message : undefined
}

const expectation = (ast: SchemaAST.AST): string => {
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
    case "Union":
      return choice(ast.types.map(SchemaAST.toEncoded).filter((type) => !SchemaAST.isNull(type)))
    default:
      return "Enter a valid value."
  }
}

const choice = (types: ReadonlyArray<SchemaAST.AST>): string => {
  const [only, ...others] = types
  if (only !== undefined && others.length === 0) return expectation(only)
  return types.every(SchemaAST.isLiteral)
    ? `Must be one of: ${types.map((type) => String(type.literal)).join(", ")}.`
    : "Enter a valid value."
}

interface Problem {
  readonly path: ReadonlyArray<string>
  readonly message: string
}

// The message of an outer check stands for all that is wrong within it.
const flatten = (
  issue: SchemaIssue.Issue,
  path: ReadonlyArray<string> = [],
  message: string | undefined = undefined
): ReadonlyArray<Problem> => {
  switch (issue._tag) {
    case "Filter":
      return flatten(issue.issue, path, message ?? ownMessage(issue))
    case "Encoding":
      return flatten(issue.issue, path, message)
    case "Pointer":
      return flatten(issue.issue, [...path, ...issue.path.map(String)], message)
    case "Composite":
      return issue.issues.flatMap((inner) => flatten(inner, path, message))
    case "AnyOf":
      return issue.issues.length > 0
        ? issue.issues.flatMap((inner) => flatten(inner, path, message))
        : [{ path, message: message ?? ownMessage(issue) ?? describe(issue) }]
    default:
      return [{ path, message: message ?? ownMessage(issue) ?? describe(issue) }]
  }
}

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
  for (const { message, path } of flatten(issue)) insert(tree, path, message)
  return tree
}

/** Both together. A field that has problems in both keeps those of `first`. */
export const merge = (first: Problems, second: Problems): Problems => ({ ...second, ...first })
