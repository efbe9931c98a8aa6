import { PodMonitor, PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"
import { Deployment } from "kubernetes-models/apps/v1"
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2"
import { CronJob, Job } from "kubernetes-models/batch/v1"
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1"
import { PodDisruptionBudget } from "kubernetes-models/policy/v1"
import { ConfigMap, Namespace, PersistentVolumeClaim, Service, ServiceAccount } from "kubernetes-models/v1"
import { Predicate } from "effect"
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { root } from "./ComposeModel.ts"
import type { Manifest } from "./Kustomization.ts"

/** A kind: the module of its type, and an empty object of it, which validates what is assigned to it. */
interface Kind {
  readonly module: string
  readonly make: () => { readonly validate: () => void }
}

const prometheusOperator = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1"

const kinds: Readonly<Record<string, Kind>> = {
  ConfigMap: { module: "kubernetes-models/v1", make: () => new ConfigMap() },
  CronJob: { module: "kubernetes-models/batch/v1", make: () => new CronJob() },
  Deployment: { module: "kubernetes-models/apps/v1", make: () => new Deployment() },
  HorizontalPodAutoscaler: { module: "kubernetes-models/autoscaling/v2", make: () => new HorizontalPodAutoscaler() },
  Ingress: { module: "kubernetes-models/networking.k8s.io/v1", make: () => new Ingress() },
  Job: { module: "kubernetes-models/batch/v1", make: () => new Job() },
  Namespace: { module: "kubernetes-models/v1", make: () => new Namespace() },
  NetworkPolicy: { module: "kubernetes-models/networking.k8s.io/v1", make: () => new NetworkPolicy() },
  PersistentVolumeClaim: { module: "kubernetes-models/v1", make: () => new PersistentVolumeClaim() },
  PodDisruptionBudget: { module: "kubernetes-models/policy/v1", make: () => new PodDisruptionBudget() },
  PodMonitor: { module: prometheusOperator, make: () => new PodMonitor() },
  PrometheusRule: { module: prometheusOperator, make: () => new PrometheusRule() },
  Service: { module: "kubernetes-models/v1", make: () => new Service() },
  ServiceAccount: { module: "kubernetes-models/v1", make: () => new ServiceAccount() }
}

const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`

const schemaProblem = (manifest: Manifest, { make }: Kind): ReadonlyArray<string> => {
  try {
    Object.assign(make(), manifest).validate()
    return []
  } catch (error) {
    if (!Predicate.isError(error)) throw error
    return [`${nameOf(manifest)}: ${error.message}`]
  }
}

/** The problems that the schemas find: missing fields, and values of another type or form. */
export const schemaProblems = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<string> =>
  manifests.flatMap((manifest) => {
    const kind = kinds[manifest.kind]
    return kind === undefined
      ? [`${nameOf(manifest)}: no schema of this kind is known here`]
      : schemaProblem(manifest, kind)
  })

/**
 * The problems that the types made of the same schemas find. The schemas permit unknown fields, as the API of Kubernetes does; object
 * literals of a type do not, and its names of constants are exact.
 */
export const typeProblems = async (manifests: ReadonlyArray<Manifest>): Promise<string> => {
  // Inside of this package, so that its dependencies are found.
  const folder = await mkdtemp(join(root, "apps/standalone/node_modules/.kubernetes-"))
  try {
    const source = manifests.map((manifest, index) => {
      const { module = "" } = kinds[manifest.kind] ?? {}
      return `import type { I${manifest.kind} as Kind${index} } from "${module}"
export const object${index} = ${JSON.stringify(manifest, null, 1)} satisfies Kind${index}`
    })
    await writeFile(join(folder, "objects.ts"), source.join("\n"))
    const flags = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "--pretty",
      "false",
      "--ignoreConfig"
    ]
    return await promisify(execFile)(
      join(root, "node_modules/.bin/tsc"),
      [...flags, "--types", "", join(folder, "objects.ts")],
      { cwd: folder }
    ).then(
      () => "",
      (error: { readonly stdout: string }) => error.stdout
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}
