import { Schema } from "effect"
import type { Manifest } from "./Kustomization.ts"

const ConfigMap = Schema.Struct({ data: Schema.Record(Schema.String, Schema.String) })
const SecretKey = Schema.Struct({ secretKeyRef: Schema.Struct({ name: Schema.String, key: Schema.String }) })
const Probe = Schema.Struct({ httpGet: Schema.Struct({ path: Schema.String, port: Schema.String }) })
const Container = Schema.Struct({
  name: Schema.String,
  image: Schema.String,
  args: Schema.optionalKey(Schema.Array(Schema.String)),
  ports: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, containerPort: Schema.Int }))),
  envFrom: Schema.Tuple([Schema.Struct({ configMapRef: Schema.Struct({ name: Schema.String }) })]),
  env: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      value: Schema.optionalKey(Schema.String),
      valueFrom: Schema.optionalKey(SecretKey)
    })
  ),
  volumeMounts: Schema.optionalKey(Schema.Array(Schema.Struct({ name: Schema.String, mountPath: Schema.String }))),
  startupProbe: Schema.optionalKey(Probe),
  readinessProbe: Schema.optionalKey(Probe),
  livenessProbe: Schema.optionalKey(Probe),
  resources: Schema.Struct({
    requests: Schema.Struct({ cpu: Schema.String, memory: Schema.String }),
    limits: Schema.Struct({ cpu: Schema.String, memory: Schema.String })
  }),
  securityContext: Schema.Unknown
})
const Volume = Schema.Struct({
  name: Schema.String,
  projected: Schema.optionalKey(
    Schema.Struct({
      defaultMode: Schema.Int,
      sources: Schema.Array(
        Schema.Struct({
          secret: Schema.Struct({
            name: Schema.String,
            items: Schema.Array(Schema.Struct({ key: Schema.String, path: Schema.String }))
          })
        })
      )
    })
  )
})
const Workload = Schema.Struct({
  spec: Schema.Struct({
    selector: Schema.optionalKey(Schema.Struct({ matchLabels: Schema.Record(Schema.String, Schema.String) })),
    template: Schema.Struct({
      metadata: Schema.Struct({ labels: Schema.Record(Schema.String, Schema.String) }),
      spec: Schema.Struct({
        serviceAccountName: Schema.String,
        automountServiceAccountToken: Schema.Boolean,
        enableServiceLinks: Schema.Boolean,
        terminationGracePeriodSeconds: Schema.optionalKey(Schema.Int),
        securityContext: Schema.Struct({
          runAsNonRoot: Schema.Boolean,
          runAsUser: Schema.Int,
          runAsGroup: Schema.Int,
          fsGroup: Schema.optionalKey(Schema.Int),
          seccompProfile: Schema.Struct({ type: Schema.String })
        }),
        containers: Schema.Tuple([Container]),
        volumes: Schema.optionalKey(Schema.Array(Volume))
      })
    })
  })
})
/** The objects of these kinds. */
export const ofKind = (manifests: ReadonlyArray<Manifest>, ...kinds: ReadonlyArray<string>) =>
  manifests.filter(({ kind }) => kinds.includes(kind))

/** The object of this kind and name. */
export const named = (manifests: ReadonlyArray<Manifest>, kind: string, name: string): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}

const OfCronJob = Schema.Struct({ spec: Schema.Struct({ jobTemplate: Workload }) })

const specOf = (manifest: Manifest) =>
  manifest.kind === "CronJob"
    ? Schema.decodeUnknownSync(OfCronJob)(manifest).spec.jobTemplate.spec
    : Schema.decodeUnknownSync(Workload)(manifest).spec

/** The Deployments, Jobs and CronJobs, with their pod and its container. */
export const workloadsOf = (manifests: ReadonlyArray<Manifest>) =>
  ofKind(manifests, "Deployment", "Job", "CronJob").map((manifest) => {
    const { selector, template } = specOf(manifest)
    const [container] = template.spec.containers
    return { name: manifest.metadata.name, selector, labels: template.metadata.labels, pod: template.spec, container }
  })

/** The data of the ConfigMap. */
export const settingsMap = (manifests: ReadonlyArray<Manifest>) =>
  Schema.decodeUnknownSync(ConfigMap)(named(manifests, "ConfigMap", "user-service-settings")).data

// Values of the form that the secrets have.
const secrets: Readonly<Record<string, string>> = {
  DATABASE_URL: "postgres://user_service:5f2b9c1e8a4d7063@postgres.engines.svc/user_service",
  REDIS_URL: "redis://:5f2b9c1e8a4d7063@redis.engines.svc:6379",
  RABBITMQ_URL: "amqp://user_service:5f2b9c1e8a4d7063@rabbitmq.engines.svc:5672",
  token: "5f2b9c1e8a4d7063f5b2c9e18a4d7063"
}

/** The environment of the container of a workload, with secrets of the test. */
export const environmentOf = (
  manifests: ReadonlyArray<Manifest>,
  workload: string
): Readonly<Record<string, string>> => {
  const found = workloadsOf(manifests).find(({ name }) => name === workload)
  if (found === undefined) throw new Error(`there is no workload ${workload}`)
  const { container } = found
  return {
    ...settingsMap(manifests),
    ...Object.fromEntries(
      container.env.map(({ name, value, valueFrom }) => [
        name,
        value ?? secrets[valueFrom?.secretKeyRef.key ?? ""] ?? ""
      ])
    )
  }
}
