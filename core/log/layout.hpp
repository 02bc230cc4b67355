// Every name of the log's format, once; results/README.md explains them and a test compares the two with a real file.
#pragma once

namespace symphony::layout {

// Root attributes of every file.
inline constexpr char kSchema[] = "schema";
inline constexpr char kSchemaVersion[] = "schema_version";
inline constexpr int kVersion = 1;
inline constexpr char kRunSchema[] = "symphony-run";        // run.h5
inline constexpr char kRecordSchema[] = "symphony-record";  // record.h5, what one stage recorded
inline constexpr char kIndexSchema[] = "symphony-index";    // index.h5, joins a sweep

// More root attributes of run.h5.
inline constexpr char kStatus[] = "status";  // running, finished, failed, interrupted
inline constexpr char kRunId[] = "run_id";
inline constexpr char kExperiment[] = "experiment";
inline constexpr char kVariant[] = "variant";
inline constexpr char kSeed[] = "seed";
inline constexpr char kMessage[] = "message";

// Attributes of a dataset.
inline constexpr char kUnit[] = "unit";
inline constexpr char kDoc[] = "doc";

// Groups of run.h5.
inline constexpr char kConfig[] = "config";
inline constexpr char kResolved[] = "resolved";  // attribute of config
inline constexpr char kConfigHash[] = "hash";    // attribute of config
inline constexpr char kOrigins[] = "config/origins";
inline constexpr char kProvenance[] = "provenance";
inline constexpr char kPlugins[] = "provenance/plugins";
inline constexpr char kLibraries[] = "provenance/libraries";
inline constexpr char kSeeds[] = "provenance/seeds";
inline constexpr char kStages[] = "provenance/stages";
inline constexpr char kEvaluation[] = "evaluation";
inline constexpr char kEvaluationRows[] = "evaluation/rows";
inline constexpr char kWindowHash[] = "window_hash";  // attribute of what a suite recorded

// Attributes of provenance.
inline constexpr char kCommandLine[] = "command_line";
inline constexpr char kWorkingDirectory[] = "working_directory";
inline constexpr char kGitRevision[] = "git_revision";
inline constexpr char kGitState[] = "git_state";
inline constexpr char kBuildType[] = "build_type";
inline constexpr char kCompiler[] = "compiler";
inline constexpr char kHost[] = "host";
inline constexpr char kCpuModel[] = "cpu_model";
inline constexpr char kCpuCount[] = "cpu_count";
inline constexpr char kKernel[] = "kernel";
inline constexpr char kBlas[] = "blas";
inline constexpr char kBlasParallel[] = "blas_parallel";
inline constexpr char kThreads[] = "threads";
inline constexpr char kDevice[] = "device";
inline constexpr char kStartTime[] = "start_time";
inline constexpr char kEndTime[] = "end_time";

// Tables: one-dimensional columns on one growing axis.
inline constexpr char kRow[] = "row";
inline constexpr char kRows[] = "rows";  // the evaluation rows of one stage, in its record.h5
inline constexpr char kRuns[] = "runs";  // of index.h5: the table of runs; the external links lie under run/
inline constexpr char kRunLinks[] = "run";

// Growing series.
inline constexpr char kStep[] = "step";

// What the alignment recorded; the note of one that is approximate says what it changed.
inline constexpr char kAlignment[] = "alignment";
inline constexpr char kApproximate[] = "approximate";

// Activations: one group a site.
inline constexpr char kActivations[] = "activations";
inline constexpr char kLayer[] = "layer";
inline constexpr char kDomain[] = "domain";
inline constexpr char kToken[] = "token";
inline constexpr char kFeature[] = "feature";
inline constexpr char kExpert[] = "expert";
inline constexpr char kSlot[] = "slot";
inline constexpr char kCount[] = "count";
inline constexpr char kMean[] = "mean";
inline constexpr char kVariance[] = "variance";
inline constexpr char kSecondMoment[] = "second_moment";
inline constexpr char kKurtosis[] = "kurtosis";
inline constexpr char kAbsMax[] = "abs_max";
inline constexpr char kAbsMaxToken[] = "abs_max_token";
inline constexpr char kAbsMaxFeature[] = "abs_max_feature";
inline constexpr char kZeroShare[] = "zero_share";
inline constexpr char kFeatureMean[] = "feature_mean";
inline constexpr char kFeatureVariance[] = "feature_variance";
inline constexpr char kFeatureSecondMoment[] = "feature_second_moment";
inline constexpr char kRaw[] = "raw";
inline constexpr char kTokenIds[] = "token_ids";

}  // namespace symphony::layout
