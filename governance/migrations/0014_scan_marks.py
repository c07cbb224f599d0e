from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0013_drift_guards'),
    ]

    operations = [
        migrations.AddField(
            model_name='scan',
            name='marks',
            field=models.JSONField(default=list),
        ),
    ]
