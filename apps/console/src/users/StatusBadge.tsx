import { Badge } from "../ui/Badge.tsx"

const tones: Readonly<Record<string, "good" | "bad">> = {
  delivered: "good",
  opened: "good",
  failed: "bad",
  bounced: "bad",
  complained: "bad"
}

/** The status of a delivery. */
export const StatusBadge = ({ status }: { status: string }) => {
  const tone = tones[status]
  return tone === undefined ? <Badge>{status}</Badge> : <Badge tone={tone}>{status}</Badge>
}
