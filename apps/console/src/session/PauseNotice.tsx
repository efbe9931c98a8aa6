import { Button } from "../ui/Button.tsx"
import { attentionMinutes, resumeAttention, useIsAttended } from "./Attention.ts"

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" })

/** Says since when a page that refreshes itself has not done so, because nobody uses it. */
export const PauseNotice = ({ readAt }: { readAt: number }) =>
  useIsAttended() ? null : (
    <output className="hint paused">
      <span>
        Not refreshed since {clock.format(readAt)}: nobody has used this page for {attentionMinutes} minutes.
      </span>
      <Button onClick={resumeAttention}>Refresh</Button>
    </output>
  )
