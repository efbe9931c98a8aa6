import type { AsyncApiDocument, AsyncApiMessage, AsyncApiOperation } from "@user-service/schema/amqp/AsyncApi"
import { Predicate } from "effect"
import { escape, inline, paragraphs, staticPage } from "./Html.ts"

type Node = Readonly<Record<string, unknown>>

const nameOf = ({ $ref }: { readonly $ref: string }): string => $ref.slice($ref.lastIndexOf("/") + 1)

const isRef = (node: unknown): node is { readonly $ref: string } => Predicate.hasProperty(node, "$ref")

const code = (text: string): string => `<code>${escape(text)}</code>`

/** The AsyncAPI document as an HTML page without scripts. */
export const asyncApiPage = (document: AsyncApiDocument): string => {
  const { channels, components, info, operations, servers } = document

  const resolve = (node: unknown): Node => {
    const schema: unknown = isRef(node) ? components.schemas[nameOf(node)] : node
    return Predicate.isObject(schema) ? schema : {}
  }

  const typeOf = (node: Node): string => {
    const alternatives = node["anyOf"] ?? node["oneOf"]
    if (Array.isArray(alternatives)) return alternatives.map((alternative) => typeOf(resolve(alternative))).join(" or ")
    const values = "const" in node ? [node["const"]] : node["enum"]
    if (Array.isArray(values)) return values.map((value) => code(JSON.stringify(value))).join(" or ")
    if (node["type"] === "array") return `array of ${typeOf(resolve(node["items"]))}`
    const type = Predicate.isString(node["type"]) ? node["type"] : "anything"
    const limits = [node["format"], lengths(node)].filter((limit) => limit !== undefined)
    return limits.length === 0 ? escape(type) : `${escape(type)} (${escape(limits.join(", "))})`
  }

  // The object schema of a field, which may be in a union with `null`.
  const objectOf = (node: Node): Node => {
    const alternatives = node["anyOf"]
    const inner = Array.isArray(alternatives)
      ? alternatives.map(resolve).find((schema) => "properties" in schema)
      : node
    return inner ?? node
  }

  const field = (name: string, node: unknown, isRequired: boolean): string => {
    const schema = resolve(node)
    const description = [node, schema].map((one) => Predicate.hasProperty(one, "description") && one.description)
    const text = description.find(Predicate.isString)
    return `<li>${code(name)} <span class="soft">${typeOf(schema)}${isRequired ? "" : ", optional"}</span>${
      text === undefined ? "" : `\n<p>${inline(text)}</p>`
    }${fields(objectOf(schema))}</li>`
  }

  const fields = (node: Node): string => {
    const { properties, required } = node
    if (!Predicate.isObject(properties)) return ""
    const isRequired = (name: string) => Array.isArray(required) && required.includes(name)
    const items = Object.entries(properties).map(([name, property]) => field(name, property, isRequired(name)))
    return `\n<ul class="fields">\n${items.join("\n")}\n</ul>\n`
  }

  const example = ({ headers, payload, summary }: AsyncApiMessage["examples"][number]): string =>
    [
      `<p>${inline(summary)}</p>`,
      ...(headers === undefined ? [] : [`<pre><code>${escape(headerLines(headers))}</code></pre>`]),
      `<pre><code>${escape(JSON.stringify(payload, undefined, 2))}</code></pre>`
    ].join("\n")

  const facts = ({ channel, operation }: Entry): string => {
    const { amqp } = channel.bindings
    const { priority } = operation.bindings.amqp
    const rows: ReadonlyArray<readonly [string, string]> = [
      ["The service", operation.action === "send" ? "publishes it" : "receives it"],
      amqp.is === "routingKey"
        ? ["Exchange", `${code(amqp.exchange.name)} (${amqp.exchange.type})`]
        : ["Queue", code(amqp.queue.name)],
      ...(amqp.is === "routingKey" ? [["Routing key", code(channel.address)] as const] : []),
      ...Object.entries(channel.parameters ?? {}).map(
        ([name, { description }]) => [code(`{${name}}`), inline(description)] as const
      ),
      ...(priority === undefined ? [] : [["Priority", `${priority}`] as const])
    ]
    return `<dl class="facts">\n${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join("\n")}\n</dl>`
  }

  interface Entry {
    readonly key: string
    readonly channel: AsyncApiDocument["channels"][string]
    readonly operation: AsyncApiOperation
    readonly message: AsyncApiMessage | undefined
  }

  const entries = Object.values(operations).flatMap((operation): ReadonlyArray<Entry> => {
    const key = nameOf(operation.channel)
    const channel = channels[key]
    const [message] = Object.values(channel?.messages ?? {}).map((ref) => components.messages[nameOf(ref)])
    return channel === undefined ? [] : [{ key, channel, operation, message }]
  })

  const groups = info.tags.map((ref) => {
    const name = nameOf(ref)
    const members = entries.filter(({ operation }) => operation.tags.some((tag) => nameOf(tag) === name))
    return { id: name, tag: components.tags[name], members }
  })

  const section = ({ channel, key, message, operation }: Entry): string => {
    const payload = resolve(message?.payload)
    const headers = resolve(message?.headers)
    return `<section aria-labelledby="${key}">
<h3 id="${key}">${code(channel.address)}</h3>
<p>${inline(operation.summary)}</p>
${facts({ channel, key, message, operation })}
<p>${inline(channel.description)}</p>
<p>${inline(operation.description)}</p>
<h4>Body</h4>${"properties" in payload ? fields(payload) : `\n<p>${inline(`${payload["description"] ?? ""}`)}</p>`}
${message?.headers === undefined ? "" : `<details><summary>Headers</summary>${fields(headers)}</details>`}
<details><summary>${(message?.examples.length ?? 0) > 1 ? "Examples" : "Example"}</summary>
${(message?.examples ?? []).map(example).join("\n")}
</details>
</section>`
  }

  const contents = groups.map(
    ({ id, members, tag }) => `<h2><a href="#${id}">${escape(tag?.name ?? id)}</a></h2>
<ul>
${members.map(({ channel, key }) => `<li><a href="#${key}">${escape(channel.address)}</a></li>`).join("\n")}
</ul>`
  )

  const broker = Object.values(servers).map(
    ({ description, protocol, protocolVersion }) =>
      `<p>${inline(description)} Protocol: ${escape(protocol)} ${escape(protocolVersion)}.</p>`
  )

  return staticPage({
    title: info.title,
    body: `<div class="page with-contents">
<header>
<p class="trail"><a href="/api/docs">Documentation</a></p>
<h1>${escape(info.title)}</h1>
<p class="soft">Version ${escape(info.version)}. For machines: <a href="/api/asyncapi">AsyncAPI ${document.asyncapi}</a></p>
</header>
<nav aria-label="Contents">
${contents.join("\n")}
</nav>
<main id="content">
${paragraphs(info.description)}
${broker.join("\n")}
${groups
  .map(
    ({ id, members, tag }) =>
      `<h2 id="${id}">${escape(tag?.name ?? id)}</h2>\n<p>${inline(tag?.description ?? "")}</p>\n${members.map(section).join("\n")}`
  )
  .join("\n")}
</main>
</div>`
  })
}

const lengths = ({ maxLength, minLength }: Node): string | undefined =>
  maxLength === undefined
    ? undefined
    : `${minLength === undefined ? "at most" : `${String(minLength)} to`} ${String(maxLength)} characters`

const headerLines = (headers: object): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${String(value)}`)
    .join("\n")
