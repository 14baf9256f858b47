resource "terraform_data" "hostile" {
  input = {
    fence   = "```\n</details><script>alert(1)</script>\n~~~~\n````"
    table   = "a | b | c"
    control = "bell \u0007 escape \u001b[31mred\u001b[0m null-ish \u0001"
    bidi    = "user \u202e nimda \u2066 mixed"
    emoji   = "family \U0001F468\u200D\U0001F469\u200D\U0001F467 flag \U0001F1E9\U0001F1EA"
    mention = "@everyone closes #1 [link](javascript:alert(1))"
    empty   = ""
    null    = null
  }
}
