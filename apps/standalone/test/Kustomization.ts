import { Schema } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { parse, parseAllDocuments } from "yaml"
import { root } from "./ComposeModel.ts"

const Labels = Schema.Record(Schema.String, Schema.String)

const Metadata = Schema.Struct({
  name: Schema.String,
  namespace: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Labels)
})

/** An object of Kubernetes: what all kinds have, and the rest as it is written. */
export type Manifest = Record<string, unknown> & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: typeof Metadata.Type
}

const Head = Schema.Struct({ apiVersion: Schema.String, kind: Schema.String, metadata: Metadata })
const isManifest = (value: unknown): value is Manifest => Schema.is(Head)(value)

const Generator = Schema.Struct({
  name: Schema.String,
  behavior: Schema.optionalKey(Schema.Literal("merge")),
  options: Schema.optionalKey(Schema.Struct({ labels: Labels })),
  literals: Schema.optionalKey(Schema.Array(Schema.String)),
  files: Schema.optionalKey(Schema.Array(Schema.String))
})

// A replacement of RFC 6902.
const Replacement = Schema.Struct({ op: Schema.Literal("replace"), path: Schema.String, value: Schema.String })
const Replacements = Schema.Array(Replacement)

// The fields that the overlays use. Another one is an error, since `render` would not apply it.
const Kustomization = Schema.Struct({
  apiVersion: Schema.String,
  kind: Schema.Literals(["Kustomization", "Component"]),
  namespace: Schema.optionalKey(Schema.String),
  resources: Schema.optionalKey(Schema.Array(Schema.String)),
  components: Schema.optionalKey(Schema.Array(Schema.String)),
  images: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, newTag: Schema.String }))),
  configMapGenerator: Schema.optionalKey(Schema.Array(Generator)),
  generatorOptions: Schema.optionalKey(Schema.Struct({ disableNameSuffixHash: Schema.Literal(true), labels: Labels })),
  patches: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        target: Schema.Struct({ kind: Schema.String, name: Schema.String }),
        patch: Schema.String
      })
    )
  ),
  labels: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({ includeSelectors: Schema.Literal(false), includeTemplates: Schema.Literal(true), pairs: Labels })
    )
  )
})
type Kustomization = typeof Kustomization.Type

const decode = Schema.decodeUnknownSync(Kustomization, { onExcessProperty: "error" })

const objectsOf = (text: string): ReadonlyArray<Manifest> =>
  parseAllDocuments(text).map((document) => manifestOf(document.toJS()))

/** The objects of a file, one for each YAML document. */
export const read = (path: string): ReadonlyArray<Manifest> => objectsOf(readFileSync(join(root, path), "utf8"))

const pairsOf = (literals: ReadonlyArray<string>) =>
  Object.fromEntries(
    literals.map((literal) => [literal.slice(0, literal.indexOf("=")), literal.slice(literal.indexOf("=") + 1)])
  )

const contentsOf = (folder: string, files: ReadonlyArray<string>) =>
  Object.fromEntries(files.map((file) => [basename(file), readFileSync(join(root, folder, file), "utf8")]))

// Without the hash of the content that kustomize appends to the name and to the references.
const generate = (
  manifests: ReadonlyArray<Manifest>,
  folder: string,
  { configMapGenerator = [], generatorOptions }: Kustomization
) => {
  let all = manifests
  for (const { behavior, files = [], literals = [], name, options = generatorOptions } of configMapGenerator) {
    const isTarget = ({ kind, metadata }: Manifest) => kind === "ConfigMap" && metadata.name === name
    const before = all.find(isTarget)
    if ((before === undefined) !== (behavior === undefined)) throw new Error(`${name}: ${behavior ?? "create"} fails`)
    const data = {
      ...Schema.decodeUnknownSync(Labels)(before?.["data"] ?? {}),
      ...pairsOf(literals),
      ...contentsOf(folder, files)
    }
    const metadata = before?.metadata ?? { name, ...(options === undefined ? {} : { labels: options.labels }) }
    all = [...all.filter((manifest) => !isTarget(manifest)), { apiVersion: "v1", kind: "ConfigMap", metadata, data }]
  }
  return all
}

// Applies to every object of the tree that has metadata, as those in templates.
const withLabels = (tree: unknown, pairs: Readonly<Record<string, string>>): unknown =>
  mapObjects(tree, (object) =>
    isRecord(object["metadata"])
      ? { ...object, metadata: { ...object["metadata"], labels: { ...labelsOf(object["metadata"]), ...pairs } } }
      : object
  )

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const labelsOf = (metadata: Record<string, unknown>) => (isRecord(metadata["labels"]) ? metadata["labels"] : {})

const mapObjects = (tree: unknown, change: (object: Record<string, unknown>) => unknown): unknown => {
  if (Array.isArray(tree)) return tree.map((item) => mapObjects(item, change))
  if (!isRecord(tree)) return tree
  return change(Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, mapObjects(value, change)])))
}

const withTags = (tree: unknown, images: NonNullable<Kustomization["images"]>): unknown =>
  mapObjects(tree, (object) => {
    const image = images.find(({ name }) => name === object["image"])
    return image === undefined ? object : { ...object, image: `${image.name}:${image.newTag}` }
  })

const inNamespace = (manifest: Manifest, namespace: string): Manifest => ({
  ...manifest,
  metadata: { ...manifest.metadata, ...(manifest.kind === "Namespace" ? { name: namespace } : { namespace }) }
})

const replaceAt = (tree: unknown, [key, ...rest]: ReadonlyArray<string>, value: string): unknown => {
  if (key === undefined) return value
  if (Array.isArray(tree) && key in tree) return tree.with(Number(key), replaceAt(tree[Number(key)], rest, value))
  if (isRecord(tree) && key in tree) return { ...tree, [key]: replaceAt(tree[key], rest, value) }
  throw new Error(`${key}: nothing to replace`)
}

const patched = (manifest: Manifest, patches: NonNullable<Kustomization["patches"]>): Manifest =>
  patches
    .filter(({ target }) => target.kind === manifest.kind && target.name === manifest.metadata.name)
    .flatMap(({ patch }) => Schema.decodeUnknownSync(Replacements)(parse(patch)))
    .reduce<Manifest>((all, { path, value }) => manifestOf(replaceAt(all, path.split("/").slice(1), value)), manifest)

const manifestOf = (value: unknown): Manifest => {
  if (!isManifest(value)) throw new Error(`this is no object of Kubernetes: ${JSON.stringify(value)}`)
  return value
}

/** The objects of `kubectl kustomize <folder>`, for the fields of kustomize that this repository uses. */
export const render = (folder: string): ReadonlyArray<Manifest> => {
  const kustomization = decode(parse(readFileSync(join(root, folder, "kustomization.yaml"), "utf8")))
  const { components = [], images = [], labels = [], namespace, patches = [], resources = [] } = kustomization
  const found = resources.flatMap((path) =>
    path.endsWith(".yaml") ? read(join(folder, path)) : render(join(folder, path))
  )
  const all = [...generate(found, folder, kustomization), ...components.flatMap((path) => render(join(folder, path)))]
  const pairs = Object.assign({}, ...labels.map((label) => label.pairs))
  return all
    .map((manifest) => patched(manifest, patches))
    .map((manifest) => manifestOf(withTags(withLabels(manifest, pairs), images)))
    .map((manifest) => (namespace === undefined ? manifest : inNamespace(manifest, namespace)))
}

/** Whether kubectl is installed, which contains kustomize. */
export const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0

/** The objects that kustomize itself renders, without the hash in the name of the ConfigMap. */
export const renderByKubectl = (folder: string): ReadonlyArray<Manifest> =>
  objectsOf(
    execFileSync("kubectl", ["kustomize", join(root, folder)], { encoding: "utf8" }).replaceAll(
      /(user-service-settings)-[a-z0-9]{10}\b/g,
      "$1"
    )
  )
