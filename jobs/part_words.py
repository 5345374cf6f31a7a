"""The words by which the folders of a ready-made split are known, such as `training_set` or `val2`.

The upload page is given the same table, so that it reads a folder's name as the worker does.
"""

from __future__ import annotations

from collections.abc import Mapping

# Words are in lower case and without accents. Each list ends with the words of other languages than English.
PART_WORDS: Mapping[str, tuple[str, ...]] = {
    "train": tuple(
        "train training trn trainval "
        "trainings trainieren entrainement apprentissage entrenamiento addestramento allenamento treino treinamento "
        "обучение тренировка 訓練 訓練用 学習 学習用 训练 훈련 학습".split()
    ),
    "validation": tuple(
        "val valid validate validation validating dev devel vld "
        "validierung validierungs validacion validazione validacao валидация 検証 検証用 验证 驗證 검증".split()
    ),
    "test": tuple(
        "test testing tests tst eval evaluate evaluation evaluating holdout heldout "
        "teste prueba тест テスト 評価 测试 測試 테스트".split()
    ),
    "unlabelled": tuple(
        "unlabelled unlabeled unlabel nolabel nolabels unannotated unsorted pred preds predict prediction predictions "
        "inference unbeschriftet 未标注".split()
    ),
}
# Words that say nothing of a folder's meaning: "training_set" is "training".
FILLER_WORDS = frozenset("abcdefghijklmnopqrstuvwxyz") | frozenset(
    "set sets data dataset datasets image images img imgs picture pictures pic pics photo photos folder folders dir "
    "split splits part parts file files sample samples final new old all my the of for copy original raw class classes "
    "daten bilder bild fotos datos imagenes donnees dati immagini dados imagens "
    "集 データ 画像 数据 數據 图片 圖片 資料 데이터".split()
)
# Where both stand side by side they are two classes: a ticket can be valid or invalid.
OPPOSITES: Mapping[str, str] = {"valid": "invalid", "unlabelled": "labelled", "unlabeled": "labeled"}
