"""The style sheet of the HTML report, light and dark."""

STYLE = """\
.report {
  --text: #1f2328; --soft: #59636e; --back: #ffffff; --box: #f6f8fa; --line: #d1d9e0; --link: #0969da;
  --add: #116329; --add-back: #dafbe1; --remove: #82071e; --remove-back: #ffebe9;
  --change: #7d4e00; --change-back: #fff8c5; --forces: #953800; --forces-back: #ffd8b5;
  color: var(--text); background: var(--back); font: 14px/1.5 system-ui, sans-serif;
}
@media (prefers-color-scheme: dark) {
  .report {
    --text: #f0f6fc; --soft: #9198a1; --back: #0d1117; --box: #151b23; --line: #3d444d; --link: #4493f8;
    --add: #aff5b4; --add-back: #033a16; --remove: #ffdcd7; --remove-back: #67060c;
    --change: #e3b341; --change-back: #3b2a00; --forces: #ffdfb6; --forces-back: #5a1e02;
  }
}
.report a { color: var(--link); text-decoration: none; }
.report a:hover { text-decoration: underline; }
.report h2 { font-size: 20px; margin: 0 0 8px; }
.report h3 { font-size: 16px; margin: 24px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
.report h4 { font-size: 14px; margin: 16px 0 8px; }
.report code { font: 12px/1.5 ui-monospace, monospace; background: var(--box); padding: 2px 5px; border-radius: 5px; }
.report pre { font: 12px/1.45 ui-monospace, monospace; background: var(--box); padding: 10px 12px; margin: 6px 0 10px;
  border-radius: 6px; overflow-x: auto; }
.report .diff span { display: block; white-space: pre-wrap; overflow-wrap: anywhere; }
.report .diff .add { color: var(--add); background: var(--add-back); }
.report .diff .remove { color: var(--remove); background: var(--remove-back); }
.report .diff .change { color: var(--change); background: var(--change-back); }
.report .diff .forces { color: var(--forces); background: var(--forces-back); font-weight: 600; }
.report .diff .remark { color: var(--soft); }
.report summary { cursor: pointer; padding: 3px 0; }
.report table { border-collapse: collapse; margin: 12px 0; }
.report th, .report td { border: 1px solid var(--line); padding: 5px 12px; text-align: left; }
.report td.number { text-align: right; font-variant-numeric: tabular-nums; }
.report strong { color: var(--forces); }
.report .error strong, .report tr.failed td:first-child, .report .cause { color: var(--remove); }
.report .danger { padding-left: 20px; }
"""
