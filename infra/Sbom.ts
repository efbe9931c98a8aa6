import { Builders, Factories as PackageFactories } from "@cyclonedx/cyclonedx-library/Contrib/FromNodePackageJson"
import { Factories as LicenseFactories } from "@cyclonedx/cyclonedx-library/Contrib/License"
import { ComponentType, LicenseAcknowledgement } from "@cyclonedx/cyclonedx-library/Enums"
import { Bom, type Component } from "@cyclonedx/cyclonedx-library/Models"
import { JSON as Json, JsonSerializer } from "@cyclonedx/cyclonedx-library/Serialize"
import { Spec1dot6 } from "@cyclonedx/cyclonedx-library/Spec"
import type { Metafile } from "esbuild"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { PackageURL } from "packageurl-js"
import parseLicense from "spdx-expression-parse"

export interface SbomOptions {
  /** The folder that the paths of the metafile are relative to. */
  readonly root: string
  /** The folder of the app. */
  readonly app: string
  readonly metafile: Metafile
  /** The folders of the packages that the bundle holds as they are. */
  readonly placed: ReadonlyArray<string>
}

const builder = new Builders.ComponentBuilder(
  new PackageFactories.ExternalReferenceFactory(),
  new LicenseFactories.LicenseFactory(parseLicense)
)

// The nearest package.json with a name and a version. Packages also have others, which only name the type of modules.
const manifestOf = (folder: string): string => {
  const path = join(folder, "package.json")
  if (existsSync(path)) {
    const { name, version } = JSON.parse(readFileSync(path, "utf8"))
    if (name !== undefined && version !== undefined) return path
  }
  if (dirname(folder) === folder) throw new Error("A module of the bundle belongs to no package")
  return manifestOf(dirname(folder))
}

const componentOf = (manifest: string, type: ComponentType): Component => {
  const { author, bugs, description, homepage, license, name, repository, version } = JSON.parse(
    readFileSync(manifest, "utf8")
  )
  const component = builder.makeComponent(
    { author, bugs, description, homepage, license, name, repository, version },
    type
  )
  if (component === undefined) throw new Error(`${manifest} does not describe a package`)
  for (const declared of component.licenses) declared.acknowledgement = LicenseAcknowledgement.Declared
  const [scope, unscoped] = name.startsWith("@") ? name.split("/") : [undefined, name]
  component.purl = new PackageURL("npm", scope, unscoped, version).toString()
  component.bomRef.value = component.purl
  return component
}

/**
 * The bill of materials of a bundle, as CycloneDX 1.6 JSON: the packages whose code is in it, with version, licence and the packages
 * that they import. It depends only on its input, so it has no serial number and no time.
 */
export const sbom = ({ app, metafile, placed, root }: SbomOptions): string => {
  const bom = new Bom()
  const main = componentOf(join(app, "package.json"), ComponentType.Application)
  bom.metadata.component = main
  const components = new Map<string, Component>([[join(app, "package.json"), main]])
  const add = (folder: string): Component => {
    const manifest = manifestOf(folder)
    const component = components.get(manifest) ?? componentOf(manifest, ComponentType.Library)
    components.set(manifest, component)
    if (component !== main) bom.components.add(component)
    return component
  }
  const link = (from: Component, to: Component) => {
    if (from !== to) from.dependencies.add(to.bomRef)
  }

  // Modules of which the bundle holds at least a byte.
  const modules = new Set(
    Object.values(metafile.outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []))
    )
  )
  const packageOf = (module: string) => add(dirname(join(root, module)))
  for (const module of modules) {
    const component = packageOf(module)
    const imported = metafile.inputs[module]?.imports ?? []
    for (const { path } of imported) if (modules.has(path)) link(component, packageOf(path))
  }
  for (const folder of placed) link(main, add(folder))

  return `${new JsonSerializer(new Json.Normalize.Factory(Spec1dot6)).serialize(bom, { sortLists: true, space: 2 })}\n`
}
