import type { Problems } from "@user-service/schema/Envelope"
import { Predicate, SchemaAST, type SchemaIssue } from "effect"

// The input is never part of a message: it may be a password.
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

// The schema's own message for the issue.
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

// The message of an outer check replaces those of the issues within it.
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
  const current = tree[key]
  if (rest.length > 0) {
    const subtree = current === undefined || Array.isArray(current) ? {} : current
    tree[key] = subtree
    insert(subtree, rest, message)
    return
  }
  if (current === undefined) tree[key] = [message]
  else if (!Array.isArray(current)) insert(current, [], message)
  else if (!current.includes(message)) current.push(message)
}

/** The problems of an input under their fields, in the shape of the input. Problems of no field are under `error`. */
export const problemsOf = (issue: SchemaIssue.Issue): Problems => {
  const tree: Tree = {}
  for (const { message, path } of flatten(issue)) insert(tree, path, message)
  return tree
}

/** Merges two sets of problems. A field that is in both keeps the problems of `first`. */
export const merge = (first: Problems, second: Problems): Problems => ({ ...second, ...first })
