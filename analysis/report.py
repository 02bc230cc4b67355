"""One self-contained HTML page about a sweep: what was asked, answers, table, figures, provenance, and the command that reproduces it.

    runner report results/alignment [--to FILE]                     results/alignment/report.html
    runner report results/alignment --against results/earlier       two sweeps side by side: results/alignment/report_against_earlier.html
"""
import argparse
import importlib
import importlib.util
import sys
from html import escape
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent / "figures")]
PACKAGES = {"h5py": "python3-h5py", "pandas": "python3-pandas", "xarray": "python3-xarray", "matplotlib": "python3-matplotlib", "scipy": "python3-scipy"}
FIGURES = ["alignment_ladder", "paired_differences", "transfer", "routing", "expert_ablation", "expert_similarity", "matched_similarity", "mode_connectivity",
           "activation_statistics", "training_curves"]

SECTIONS = ["answers", "numbers", "figures", "provenance", "reproduce"]


def require_packages():
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        sys.exit(f"runner report: {sys.executable} lacks {', '.join(absent)}; install them with: apt-get install {' '.join(PACKAGES[name] for name in absent)}")


def shown_verdict(comparison, better):
    """The verdict in words of the metric, with a class for its colour."""
    from page import element
    from symphony_results import statistics

    lower_is_better = better != "higher"
    words = {statistics.LOWER: "better" if lower_is_better else "worse", statistics.HIGHER: "worse" if lower_is_better else "better"}
    text = words.get(comparison.verdict, comparison.verdict) if better != "neither" else comparison.verdict
    if comparison.verdict in (statistics.UNCORRECTED, statistics.UNKNOWN):
        direction = statistics.LOWER if comparison.estimate.mean < 0 else statistics.HIGHER
        text = f"{words[direction] if better != 'neither' else direction}, {comparison.verdict}"
    return element("span", text, cls="verdict " + (text if text in ("better", "worse") else ""))


def difference_cell(estimate):
    import page

    mean, between = page.interval(estimate)
    return f"{mean} <small>{between or f'no interval from {basis(estimate)}'}</small>"


def p_cell(comparison):
    import page

    corrected = comparison.p_holm == comparison.p_holm
    first, second = (comparison.p_holm, f"{page.p_value(comparison.estimate.p)} alone") if corrected else (comparison.estimate.p, "alone")
    return f"{page.p_value(first)} <small>{second}</small>"


def basis(estimate):
    if estimate.unit != "seed":
        return f"1 seed, {estimate.n} {estimate.unit}s" if estimate.n else "1 seed"
    return f"{estimate.n} seeds"


def introduction(table):
    import page

    sweep, runs = table.sweep, table.sweep.runs()
    name = runs.iloc[0]["experiment"]
    states = runs["status"].value_counts()
    facts = {"runs": ", ".join(f"{count} {state}" for state, count in states.items()), "seeds": ", ".join(map(str, table.seeds)),
             "metric": f"{table.metric} [{table.unit}], {table.better} is better",
             "revision": f"{sweep.plan.get('git_revision', '')[:12]} ({sweep.plan.get('git_state', 'unknown')})"}
    html = page.element("h1", escape(name)) + (page.element("p", escape(sweep.about), cls="about") if sweep.about else "")
    return html + page.element("div", "".join(page.element("div", page.element("b", key) + escape(value)) for key, value in facts.items()), cls="facts")


def answers_section(table):
    import page

    answers = table.answers()
    if not answers:
        return ""
    html = page.element("h2", "What was asked, and the answers", id="answers")
    units = {comparison.estimate.unit for comparison in answers}
    family = sum(comparison.p_holm == comparison.p_holm for comparison in answers)
    html += page.element("p", f"Each answer is a paired difference in {table.metric} at the end of training, averaged over the in-domain domains; the pairs are "
                         f"{' or '.join(sorted(unit + 's' for unit in units))}, brackets are 95 % intervals, p is corrected by Holm over the {family} "
                         "comparisons below that have one. &ldquo;No difference to rounding&rdquo;: changing the start by one ulp moves the result as much. "
                         "&ldquo;No significant difference&rdquo;: this many pairs cannot tell.", cls="soft")
    published = {question["ask"]: question.get("published", "") for question in table.sweep.questions}
    for ask in dict.fromkeys(comparison.ask for comparison in answers):
        lines = page.element("div", f"published: {escape(published[ask])}", cls="soft") if published[ask] else ""
        for one in (comparison for comparison in answers if comparison.ask == ask):
            numbers = " ".join(page.interval(one.estimate)).strip()
            block = page.element("span", escape(one.block), cls="block") if one.block else ""
            text = f"<code>{escape(one.variant)}</code> against <code>{escape(one.against)}</code>: {numbers}, {basis(one.estimate)}, p {page.p_value(one.p_holm)}"
            lines += page.element("div", f"{block}{shown_verdict(one, table.better)} {page.element('span', text, cls='numbers')}")
        html += page.element("div", page.element("p", escape(ask)) + lines, cls="question")
    return html


def mean_and_spread(values):
    import numpy
    import page

    values = list(values.values())
    if not values:
        return "-"
    return page.number(float(numpy.mean(values))) + (f" <small>&plusmn; {page.number(float(numpy.std(values, ddof=1)))}</small>" if len(values) > 1 else "")


def block_table(table, block, compared):
    import page

    header = ["variant", *map(escape, table.moments), "out of<br>distribution"]
    header += [f"difference<br>from {escape(table.sweep.baseline)}", "p (Holm)", "verdict"] if compared else []
    rows = []
    for variant in table.sweep.variants(block):
        cells = [f"<code>{escape(variant or 'the model')}</code>"] + [mean_and_spread(table.values(block, variant, moment)) for moment in table.moments]
        cells.append(mean_and_spread(table.values(block, variant, task="out_of_distribution")))
        one = compared.get((block, variant))
        if one:
            cells += [difference_cell(one.estimate), p_cell(one), f"{shown_verdict(one, table.better)} <small>{basis(one.estimate)}</small>"]
        elif compared:
            cells += ["baseline" if variant == table.sweep.baseline else "-", "", ""]
        rows.append(("baseline" if variant == table.sweep.baseline else None, cells))
    holder = table.rival_holder(block)
    for subject, values in table.rivals(block).items():
        last = len(table.moments) - 1
        ood = table.values(block, holder, "given", "out_of_distribution", subject)
        rows.append(("rival", [f"({escape(subject)})"] + ["-"] * last + [mean_and_spread(values), mean_and_spread(ood)] + ([""] * 3 if compared else [])))
    return (page.element("h3", escape(block)) if block else "") + page.table(header, rows)


def table_section(table):
    import page

    comparisons = table.against_baseline()
    compared = {(comparison.block, comparison.variant): comparison for comparison in comparisons}
    family = sum(comparison.p_holm == comparison.p_holm for comparison in comparisons)
    spread = "&plusmn; is the standard deviation over seeds. " if len(table.seeds) > 1 else "One seed: how far seeds differ is unknown. "
    method = "Student t over seeds" if len(table.seeds) > 1 else "Student t over held-out windows"
    paired = (f"Differences are paired at the last point, brackets are 95 % intervals ({method}); p is corrected by Holm over {family} comparisons, controls of "
              "rounding left out. ") if comparisons else ""
    text = (f"{table.metric} [{table.unit}], mean over the in-domain domains at each point of the model's life. {spread}{paired}"
            "Names in parentheses: nothing was trained for them.")
    tables = "".join(block_table(table, block, compared) for block in table.sweep.blocks())
    return page.element("h2", "Numbers", id="numbers") + page.element("p", text, cls="soft") + tables + approximate_section(table.sweep) + suites_section(table)


def approximate_section(sweep):
    """Runs whose alignment was meant to change its sources, and by how much it did."""
    import page

    changes = {run.run_id: run.approximate_alignment() for run in sweep.finished()}
    lines = [page.element("li", f"<code>{escape(run_id)}</code>: {escape(change)}") for run_id, change in changes.items() if change]
    return page.element("h3", "Approximate alignments, and what they changed") + page.element("ul", "".join(lines)) if lines else ""


def suites_section(table):
    """What the other suites say in one number, of every variant at the last moment that has it."""
    import page

    html = ""
    for block in table.sweep.blocks():
        columns = table.averages(block)
        if not columns:
            continue
        rows = []
        for variant in table.sweep.variants(block):
            values = [table.average(block, variant, *column) for column in columns]
            if any(values):
                rows.append(("baseline" if variant == table.sweep.baseline else None, [f"<code>{escape(variant or 'the model')}</code>", *map(mean_and_spread, values)]))
        header = ["variant"] + [f"{escape(metric.replace('_', ' '))}<br>{escape(task.replace('_', ' '))}" for _, metric, task in columns]
        html += page.element("h3", escape(f"{block}: other suites" if block else "Other suites")) + page.table(header, rows)
    return html


def figures_section(table):
    """The figures that this sweep has data for, and one line for each that it has not."""
    import page
    import style

    html, left_out, count = page.element("h2", "Figures", id="figures"), [], 0
    for name in FIGURES:
        module = importlib.import_module(name)
        try:
            panels = module.draw(table)
        except style.Missing as missing:
            left_out.append(f"{name.replace('_', ' ')}: {missing}")
            continue
        body = ""
        for panel in panels:
            count += 1
            body += page.figure(panel, style.svg(panel.figure), count)
        html += page.element("h3", escape(module.QUESTION)) + page.element("p", escape(module.CAPTION), cls="soft") + page.element("div", body, cls="figures")
    return html, left_out


def provenance_section(sweep):
    import page

    runs = sweep.finished()
    values = {}
    for run in runs:
        for key, value in run.provenance().items():
            if key not in ("command_line", "working_directory", "start_time", "end_time") and value != "":
                values.setdefault(key, []).append(str(value))
    rows = [(None, [escape(key.replace("_", " ")), escape("; ".join(dict.fromkeys(found)))]) for key, found in values.items()]
    libraries = {f"{row.name_} {row.version}" for run in runs for row in run.libraries().rename(columns={"name": "name_"}).itertuples()}
    rows.append((None, ["libraries", escape(", ".join(sorted(libraries)))]))
    plugins = {(row.id, row.revision, row.library_sha256[:12]) for run in runs for row in run.plugins().itertuples()}
    stages = {row.key: row.cpu_seconds for run in runs for row in run.stages().itertuples() if not row.cached}
    rows.append((None, ["computed here", f"{len(stages)} stages, {sum(stages.values()) / 60:.1f} minutes of CPU; the rest was in the cache"]))
    html = page.element("h2", "Provenance", id="provenance") + page.table(["", ""], rows, text_columns=(1,))
    listed = [(None, [f"<code>{escape(name)}</code>", str(revision), f"<code>{sha}</code>"]) for name, revision, sha in sorted(plugins)]
    html += page.element("details", page.element("summary", f"{len(plugins)} plugins") + page.table(["plugin", "revision", "library, SHA-256"], listed))
    listed = [(None, [f"<code>{escape(str(run_id))}</code>", escape(row["status"]), escape(row["message"])]) for run_id, row in sweep.runs().iterrows()]
    return html + page.element("details", page.element("summary", f"{len(listed)} runs") + page.table(["run", "status", "message"], listed, text_columns=(2,)))


def reproduction(sweep):
    import shlex

    import page

    plan = sweep.plan
    if not plan:
        return ""
    command = f"git checkout {plan['git_revision']}\n{shlex.join(plan['command_line'])}"
    html = page.element("h2", "To reproduce it", id="reproduce") + page.element("pre", escape(command))
    if plan["git_state"] != "clean":
        html += page.element("p", f"The source tree was {escape(plan['git_state'])}: the revision alone does not give these numbers.", cls="soft")
    return html


def page_of(table):
    import page

    figures, left_out = figures_section(table)
    sections = [answers_section(table), table_section(table), figures, provenance_section(table.sweep), reproduction(table.sweep)]
    everything = "".join(sections)
    links = "".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in SECTIONS if f'id="{name}"' in everything)
    if left_out:
        sections[2] += page.element("h3", "Left out") + page.element("ul", "".join(page.element("li", escape(line)) for line in left_out), cls="left")
    name = table.sweep.runs().iloc[0]["experiment"]
    return page.document(f"{name} - report", introduction(table) + page.element("nav", links) + "".join(sections)), left_out


def main():
    parser = argparse.ArgumentParser(prog="runner report", description="one HTML page about a sweep")
    parser.add_argument("dir", type=Path, help="results/<experiment>")
    parser.add_argument("--against", type=Path, help="another sweep's folder: compare the two")
    parser.add_argument("--metric", help="a metric with in-domain rows (default: the first of the rows that has a direction)")
    parser.add_argument("--to", type=Path, help="the file to write")
    arguments = parser.parse_args()
    require_packages()
    from symphony_results import Table, open_sweep

    try:
        table = Table(open_sweep(arguments.dir), arguments.metric)
        if arguments.against:
            from against import page_against

            html, left_out = page_against(table, Table(open_sweep(arguments.against), table.metric), shown_verdict, mean_and_spread, basis), []
            target = arguments.to or arguments.dir / f"report_against_{arguments.against.resolve().name}.html"
        else:
            html, left_out = page_of(table)
            target = arguments.to or arguments.dir / "report.html"
    except (FileNotFoundError, ValueError) as error:
        sys.exit(f"runner report: {error}")
    target.write_text(html)
    for line in left_out:
        print(f"left out: {line}")
    print(target)


if __name__ == "__main__":
    main()
